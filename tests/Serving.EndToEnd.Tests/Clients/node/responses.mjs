// Lets OpenAI's JavaScript client read thoughts of chats, and whole and streamed responses; prints what came of it as one JSON object.
import OpenAI from "openai";

const [baseURL] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const model = "scripted", temperature = 0;
const messages = [{ role: "user", content: "How is it?" }];
const tools = [{ type: "function", name: "f", parameters: { type: "object" }, strict: false }];
const chatTools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];

const { message } = (await client.chat.completions.create({ model, temperature, messages, tools: chatTools })).choices[0];
let thoughts = "", content = "";
for await (const chunk of await client.chat.completions.create({ model, temperature, messages, tools: chatTools, stream: true })) {
  thoughts += chunk.choices[0]?.delta.reasoning_content ?? "";
  content += chunk.choices[0]?.delta.content ?? "";
}

const whole = await client.responses.create({ model, temperature, input: "How is it?", tools });
const deltas = ["", "", ""];
const stream = client.responses.stream({ model, temperature, input: "How is it?", tools });
for await (const event of stream) {
  if (event.type === "response.reasoning_text.delta") { deltas[0] += event.delta; }
  if (event.type === "response.output_text.delta") { deltas[1] += event.delta; }
  if (event.type === "response.function_call_arguments.delta") { deltas[2] += event.delta; }
}
const final = await stream.finalResponse();

console.log(JSON.stringify({
  chat: [message.reasoning, message.content],
  streamedChat: [thoughts, content],
  items: whole.output.map(item => item.type),
  text: whole.output_text,
  streamedItems: final.output.map(item => item.type),
  deltas,
}));
