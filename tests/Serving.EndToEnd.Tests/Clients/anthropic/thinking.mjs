// Lets Anthropic's JavaScript client take thoughts, text and calls of a model, answer the call and ask again; prints what came of it as one JSON object.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";

const [baseURL] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey: "none", authToken: null, maxRetries: 0 });
const tools = [{ name: "f", description: "d", input_schema: { type: "object" } }];
const request = { model: "scripted", max_tokens: 100, temperature: 0, tools, thinking: { type: "adaptive" }, messages: [{ role: "user", content: "How is it?" }] };

const whole = await client.messages.create(request);
const deltas = { thinking: "", text: "", inputJson: "" };
const stream = client.messages.stream(request)
  .on("thinking", (delta) => { deltas.thinking += delta; })
  .on("text", (delta) => { deltas.text += delta; })
  .on("inputJson", (delta) => { deltas.inputJson += delta; });
const streamed = await stream.finalMessage();

const call = streamed.content.find((block) => block.type === "tool_use");
const messages = [
  ...request.messages,
  { role: "assistant", content: streamed.content },
  { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: [{ type: "text", text: "rain" }] }] },
];
const second = await client.messages.create({ ...request, messages });
const hidden = await client.messages.create({ ...request, thinking: { type: "adaptive", display: "omitted" } });

// The runner asks for a thread, is told that there is none, and goes on without.
let calls = 0;
const run = () => { calls++; return "rain"; };
const { thinking, ...plain } = request;
const ran = await client.beta.messages.toolRunner({ ...plain, max_iterations: 2, tools: [betaTool({ name: "f", description: "d", inputSchema: { type: "object", properties: {} }, run })] }).runUntilDone();

const seen = ({ content, stop_reason }) => [content.map((block) => [block.type, block.thinking ?? block.text ?? block.input]), stop_reason];
console.log(JSON.stringify({
  whole: seen(whole),
  streamed: seen(streamed),
  deltas,
  ids: [whole, streamed].map(({ content }) => content.at(-1).id.slice(0, 6)),
  thinkingTokens: whole.usage.output_tokens_details.thinking_tokens,
  second: seen(second),
  longer: second.usage.input_tokens + second.usage.cache_read_input_tokens > whole.usage.input_tokens + whole.usage.cache_read_input_tokens,
  ran: [calls, seen(ran)],
  hidden: hidden.content.map((block) => block.type),
}));
