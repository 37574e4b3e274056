// Lets Anthropic's JavaScript client talk to the bundled model: whole, streamed, counted, stopped, refused; prints what came of it as one JSON object.
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey, authToken: null, maxRetries: 0 });
const request = { model: "tiny-chat-5m", max_tokens: 60, temperature: 0, messages: [{ role: "user", content: "What is the capital of France?" }] };
const failed = async (call) => call.then(() => "taken", (error) => `${error.constructor.name} ${error.status} ${error.type} ${error.error?.error?.message?.split(" ")[0]} ${Boolean(error.requestID)}`);

const whole = await client.messages.create(request);
const again = await client.messages.create(request);
const events = [];
const stream = client.messages.stream(request);
for await (const event of stream) {
  if (event.type !== "content_block_delta") { events.push(event.type); }
}
const streamed = await stream.finalMessage();
const stopped = await client.messages.create({ ...request, stop_sequences: [" Paris"] });
const cut = await client.messages.create({ ...request, max_tokens: 2 });
const structured = await client.messages.create({
  ...request,
  output_config: { format: { type: "json_schema", schema: { type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"], additionalProperties: false } } },
});
const models = [];
for await (const model of client.models.list()) { models.push(model.id); }

console.log(JSON.stringify({
  whole: whole.content,
  reason: whole.stop_reason,
  cached: [whole.usage, again.usage].map(usage => usage.input_tokens + usage.cache_read_input_tokens),
  counted: (await client.messages.countTokens({ model: request.model, messages: request.messages })).input_tokens,
  again: again.content,
  streamed: streamed.content,
  streamedUsage: [streamed.usage.output_tokens, whole.usage.output_tokens],
  events,
  stopped: [stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence],
  cut: [cut.stop_reason, cut.usage.output_tokens],
  longer: (await client.messages.create({ ...request, max_tokens: 20000 })).stop_reason,
  structured: structured.content[0].text,
  models,
  unknown: await failed(client.messages.create({ ...request, model: "nobody" })),
  wrong: await failed(client.messages.create({ ...request, temperature: 2 })),
  image: await failed(client.messages.create({ ...request, messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: "http://x" } }] }] })),
  keyless: await failed(new Anthropic({ baseURL, apiKey: "wrong", authToken: null, maxRetries: 0 }).messages.create(request)),
  bearer: await failed(new Anthropic({ baseURL, apiKey: null, authToken: apiKey, maxRetries: 0 }).messages.create(request)),
}));
