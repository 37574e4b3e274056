// Calls of functions through gRPC's JavaScript client, in one message and in a stream; prints what came of it as one JSON object.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos] = process.argv.slice(2);
const files = loader.loadSync("serving/v1/inference_service.proto", { keepCase: true, enums: String, defaults: true, includeDirs: [protos] });
const client = new (grpc.loadPackageDefinition(files).serving.v1.InferenceService)(address, grpc.credentials.createInsecure());
const request = {
  temperature: 0,
  chat: { messages: [{ role: "user", content: "How is the weather?" }], tools: [{ name: "get_weather", parameters_json: "{}" }, { name: "get_time" }] },
};

const whole = (await new Promise((resolve, reject) => client.Generate(request, (error, answer) => error ? reject(error) : resolve(answer)))).choices[0];
let text = "", finish, parts = 0;
const calls = [];
for await (const { choice } of client.GenerateStream(request)) {
  text += choice?.text ?? "";
  finish = choice?.finish_reason ?? finish;
  for (const part of choice?.tool_calls ?? []) {
    parts++;
    calls[part.index] ??= { name: part.name, arguments: "" };
    calls[part.index].arguments += part.arguments;
  }
}

const flat = (content, reason, made) => [content, reason, ...made.flatMap(call => [call.name, call.arguments])];
console.log(JSON.stringify({ whole: flat(whole.text, whole.finish_reason, whole.tool_calls), streamed: flat(text, finish, calls), parts }));
client.close();
