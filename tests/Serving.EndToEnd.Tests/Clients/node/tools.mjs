// Lets OpenAI's JavaScript client put streamed calls together, and run the functions; prints what came of it as one JSON object.
import OpenAI from "openai";

const [baseURL] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "How is the weather?" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };
const common = { model: "scripted", messages, temperature: 0 };

const stream = client.chat.completions.stream({
  ...common, tools: ["get_weather", "get_time"].map(name => ({ type: "function", function: { name, parameters } })),
});
const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];

// The model calls for ever: two rounds are enough.
const ran = [];
const tool = name => ({ type: "function", function: { name, parameters, parse: JSON.parse, function: argument => { ran.push(argument); return "rain"; } } });
const runner = client.chat.completions.runTools({ ...common, tools: [tool("get_weather"), tool("get_time")] }, { maxChatCompletions: 2 });
await runner.done();

console.log(JSON.stringify({
  streamed: [message.content, finish_reason, ...message.tool_calls.flatMap(call => [call.function.name, call.function.arguments])],
  ran: ran.slice(0, 2),
  roles: runner.messages.slice(1).map(one => one.role),
}));
