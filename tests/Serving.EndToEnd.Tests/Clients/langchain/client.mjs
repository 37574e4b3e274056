// Drives the daemon through LangChain: text, streams, second turns, objects, embeddings, errors; prints what came of it as one JSON object.
import { HumanMessage } from "@langchain/core/messages";
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const configuration = { baseURL };
const openai = (fields) => new ChatOpenAI({ model: "pirate", apiKey, configuration, temperature: 0, maxTokens: 64, maxRetries: 0, ...fields });
const models = {
  chat: openai({}),
  responses: openai({ useResponsesApi: true }),
  messages: new ChatAnthropic({ model: "pirate", apiKey, anthropicApiUrl: new URL("/", baseURL).href.slice(0, -1), temperature: 0, maxTokens: 64, maxRetries: 0 }),
};
const question = new HumanMessage("What is the capital of France?");
const seen = ({ text, usage_metadata: usage }) => [text, usage.input_tokens, usage.output_tokens];
const each = async (call) => Object.fromEntries(await Promise.all(Object.entries(models).map(async ([name, model]) => [name, await call(model, name)])));

console.log(JSON.stringify({
  whole: await each(async (model) => seen(await model.invoke([question]))),
  streamed: await each(async (model) => {
    let all;
    for await (const part of await model.stream([question])) { all = all?.concat(part) ?? part; }
    return seen(all);
  }),
  second: await each(async (model) => seen(await model.invoke([question, await model.invoke([question]), new HumanMessage("And of Spain?")]))),
  objects: await Promise.all(["chat", "responses"].map((name) =>
    models[name].withStructuredOutput(z.object({ city: z.string().max(20), sure: z.boolean() }), { method: "jsonSchema" }).invoke([question]))),
  embeddings: (await new OpenAIEmbeddings({ model: "pirate", apiKey, configuration, maxRetries: 0 }).embedDocuments(["Ahoy!", "Where is the boat?"])).map((embedding) => embedding.length),
  tooLong: await each((model) => model.invoke("x".repeat(200000)).then(() => "taken", (error) => error.constructor.name)),
}));
