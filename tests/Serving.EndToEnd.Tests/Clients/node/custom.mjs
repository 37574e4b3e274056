// Lets OpenAI's JavaScript client demand a call of a custom tool whose text is held to a grammar, and give its result back; prints what came of it as one JSON object.
import OpenAI from "openai";

const [baseURL] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const common = { model: "scripted", temperature: 0 };
const messages = [{ role: "user", content: "How is the weather?" }];
const grammar = { syntax: "lark", definition: 'start: "\\"" LF ("+" | "-") /[a-z]{3}/ "\\\\"\n%import common.LF\n' };

const chat = { ...common, messages, tools: [{ type: "custom", custom: { name: "patch", format: { type: "grammar", grammar } } }], tool_choice: { type: "custom", custom: { name: "patch" } } };
const { message } = (await client.chat.completions.create(chat)).choices[0];
const call = message.tool_calls[0];
let name = "", input = "";
for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
  const part = chunk.choices[0]?.delta.tool_calls?.[0];
  name += part?.custom?.name ?? "";
  input += part?.custom?.input ?? "";
}
const after = (await client.chat.completions.create({ ...chat, messages: [...messages, message, { role: "tool", tool_call_id: call.id, content: "done" }] })).choices[0].message.tool_calls[0];

const tools = [{ type: "custom", name: "patch", format: { type: "grammar", ...grammar } }];
const request = { ...common, input: "How is the weather?", tools, tool_choice: { type: "custom", name: "patch" } };
const whole = await client.responses.create(request);
let deltas = "";
const stream = client.responses.stream(request);
for await (const event of stream) {
  if (event.type === "response.custom_tool_call_input.delta") { deltas += event.delta; }
}
const streamed = (await stream.finalResponse()).output[0];
const output = { type: "custom_tool_call_output", call_id: whole.output[0].call_id, output: "done" };
const next = (await client.responses.create({ ...request, previous_response_id: whole.id, input: [output] })).output[0];

// A model that is not made to: its arguments are no text, and come as they are.
const auto = await client.responses.create({ ...common, input: "How is the weather?", tools: [{ type: "custom", name: "get_weather" }] });
const made = auto.output.find(item => item.type === "custom_tool_call");

console.log(JSON.stringify({
  chat: [call.custom.name, call.custom.input],
  streamedChat: [name, input],
  chatNext: [after.custom.name, after.custom.input],
  response: [whole.output[0].name, whole.output[0].input],
  streamedResponse: [streamed.name, streamed.input],
  next: [next.name, next.input],
  types: [call.type, whole.output[0].type],
  deltas,
  auto: [made.name, made.input],
}));
