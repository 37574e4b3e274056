// Talks to the daemon through gRPC's JavaScript client, and over HTTP beside it; prints what came of it as one JSON object.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, http, key, protos] = process.argv.slice(2);
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] };
const load = file => grpc.loadPackageDefinition(loader.loadSync(file, options));
const { serving } = load("serving/v1/inference_service.proto");
const { grpc: { health } } = load("grpc/health/v1/health.proto");
const { grpc: { reflection } } = load("grpc/reflection/v1/reflection.proto");

const insecure = grpc.credentials.createInsecure();
const client = new serving.v1.InferenceService(address, insecure);
const metadata = value => { const data = new grpc.Metadata(); data.set("authorization", `Bearer ${value}`); return data; };
const call = (method, request, callOptions = {}, to = client, withKey = key) => new Promise((resolve, reject) =>
  to[method](request, metadata(withKey), callOptions, (error, response) => error ? reject(error) : resolve(response)));
const read = async stream => { const messages = []; for await (const message of stream) messages.push(message); return messages; };
const stream = (request, callOptions = {}) => client.GenerateStream(request, metadata(key), callOptions);

async function post(path, body) {
  const response = await fetch(http + path, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` }, body: JSON.stringify(body) });
  return response.json();
}

async function codeOf(promise) {
  try {
    await promise;
    return "OK";
  } catch (error) {
    const details = error.metadata?.get("grpc-status-details-bin")[0];
    const field = details ? /temperature|model/.exec(details.toString("latin1"))?.[0] : undefined;
    return [grpc.status[error.code], field].filter(Boolean).join(" ");
  }
}

// One request over both, streamed and not.
const question = "What is the capital of France?";
async function compare(model, sampling) {
  const body = { model, max_tokens: 48, ...sampling };
  const chat = { messages: [{ role: "user", content: question }] };
  const overHttp = await post("/v1/chat/completions", { ...body, ...chat, logprobs: true, top_logprobs: 2 });
  const request = { ...body, chat, logprobs: 2 };
  const whole = await call("Generate", request);
  const parts = await read(stream(request));
  const n = sampling.n ?? 1;
  const streamed = Array.from({ length: n }, (_, index) => parts.filter(part => part.choice?.index === index).map(part => part.choice));
  const logprobs = tokens => tokens.map(token => [token.text ?? token.token, Math.fround(token.logprob), (token.top ?? token.top_logprobs).map(top => Math.fround(top.logprob))]);
  return [
    overHttp.choices.map(choice => [choice.message.content, choice.finish_reason, logprobs(choice.logprobs.content)]),
    whole.choices.map(choice => [choice.text, choice.finish_reason.slice("FINISH_REASON_".length).toLowerCase(), logprobs(choice.logprobs)]),
    streamed.map(choice => [choice.map(part => part.text).join(""), choice.at(-1).finish_reason.slice("FINISH_REASON_".length).toLowerCase(), logprobs(choice.flatMap(part => part.logprobs))]),
  ].map(answer => JSON.stringify(answer)).concat(JSON.stringify([overHttp.usage.prompt_tokens, overHttp.usage.completion_tokens]),
    JSON.stringify([whole.usage.prompt_tokens, whole.usage.completion_tokens]), JSON.stringify([parts.at(-1).usage.prompt_tokens, parts.at(-1).usage.completion_tokens]));
}

await post("/v1/prompt_schemas", {
  schema: {
    name: "grpc-notes",
    content: [
      { type: "system", content: ["Use the following documents.\n\n",
        { type: "module", name: "office", content: "Document: Office Report\nThe phone extension of Clara is 190.\nThe chess race starts at 7:40 in room 3.\n\n" }] },
      { type: "user" }],
  },
});
const imported = await call("Generate", {
  model: "tiny-chat-5m", prompt_schema: "grpc-notes", temperature: 0, max_tokens: 64,
  chat: { messages: [{ role: "user", parts: [{ prompt_module: { name: "office" } }, { text: "What is the phone extension of Clara?" }] }] },
});
const long = { text: "Once upon a time", max_tokens: 1500, ignore_eos: true };
const cancelled = stream(long);
const cancelling = codeOf((async () => { for await (const _ of cancelled) cancelled.cancel(); })());
const tokens = await call("Tokenize", { text: question, return_token_texts: true, add_special_tokens: false });
const encoded = await post("/tokenize", { prompt: question, return_token_strs: true, add_special_tokens: false });
const probe = new health.v1.Health(address, insecure);
const watch = probe.Watch({}, new grpc.Metadata());
const watched = await new Promise(resolve => watch.once("data", resolve));
watch.on("error", () => {});
watch.cancel();
const listing = new reflection.v1.ServerReflection(address, insecure).ServerReflectionInfo(metadata(key));
listing.write({ list_services: "" });
listing.end();
const compressing = new serving.v1.InferenceService(address, insecure, { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip });

console.log(JSON.stringify({
  base: await compare("tiny-chat-5m", { temperature: 0 }),
  adapter: await compare("pirate", { temperature: 0 }),
  seeded: await compare("french", { temperature: 0.9, top_p: 0.95, seed: 7, n: 2 }),
  imported: imported.choices[0].text,
  modules: imported.usage.prompt_modules.map(module => module.name),
  models: (await call("ListModels", {})).models.map(model => model.name),
  encoded: [tokens.token_ids, tokens.token_texts],
  encodedOverHttp: [encoded.tokens, encoded.token_strs],
  text: (await call("Detokenize", { token_ids: tokens.token_ids })).text,
  healthy: (await call("Check", {}, {}, probe, "none")).status,
  watched: watched.status,
  services: (await read(listing))[0].list_services_response.service.map(service => service.name),
  cancelled: await cancelling,
  deadline: await codeOf(read(stream(long, { deadline: Date.now() + 150 }))),
  wrong: await codeOf(call("Generate", { text: "x", temperature: 9 })),
  unknownModel: await codeOf(call("Generate", { text: "x", model: "nobody" })),
  keyless: await codeOf(call("Generate", { text: "x" }, {}, client, "wrong")),
  tooLarge: await codeOf(call("Generate", { text: "x".repeat(5 << 20) })),
  compressed: await codeOf(call("Generate", { text: "x" }, {}, compressing)),
  unknownMethod: await codeOf(new Promise((resolve, reject) => client.makeUnaryRequest(
    "/serving.v1.InferenceService/Nothing", value => value, value => value, Buffer.alloc(0), metadata(key), {}, error => error ? reject(error) : resolve()))),
  after: (await call("Generate", { model: "terse", temperature: 0, max_tokens: 32, chat: { messages: [{ role: "user", content: question }] } })).choices[0].text,
}));
process.exit(0);
