// Lets LangChain take calls of a model, whole and streamed, answer them and ask again; prints what came of it as one JSON object.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const [baseURL] = process.argv.slice(2);
const fields = { model: "scripted", apiKey: "none", temperature: 0, maxRetries: 0 };
const openai = (more) => new ChatOpenAI({ ...fields, configuration: { baseURL }, ...more });
const models = { chat: openai({}), responses: openai({ useResponsesApi: true }), messages: new ChatAnthropic({ ...fields, anthropicApiUrl: new URL("/", baseURL).href.slice(0, -1), maxTokens: 100 }) };
const tools = ["get_weather", "get_time", "f"].map((name) => tool(() => "rain", { name, description: "d", schema: z.looseObject({}) }));
const question = new HumanMessage("How is it?");

const seen = (message) => [message.text, message.tool_calls.map((call) => [call.name, call.args])];
const result = {};
for (const [name, model] of Object.entries(models)) {
  const bound = model.bindTools(tools);
  const whole = await bound.invoke([question]);
  let streamed;
  for await (const part of await bound.stream([question])) { streamed = streamed?.concat(part) ?? part; }
  const results = streamed.tool_calls.map((call) => new ToolMessage({ content: "rain", tool_call_id: call.id, name: call.name }));
  const second = await bound.invoke([question, streamed, ...results]);
  result[name] = [seen(whole), seen(streamed), seen(second), second.usage_metadata.input_tokens > whole.usage_metadata.input_tokens];
}

console.log(JSON.stringify(result));
