// Drives the daemon through the Vercel AI SDK: text, streams, second turns, objects, embeddings, errors; prints what came of it as one JSON object.
import { embedMany, generateObject, generateText, streamObject, streamText } from "ai";
import { z } from "zod";
import { each, models, openai } from "./models.mjs";

const [baseURL, apiKey] = process.argv.slice(2);
const pirate = models(baseURL, apiKey, "pirate");
const request = { prompt: "What is the capital of France?", temperature: 0, maxOutputTokens: 64, maxRetries: 0 };
const schema = z.object({ city: z.string().max(20), sure: z.boolean() });

const { messages, ...objects } = pirate; // The model is shown no tools, with which objects of Anthropic's provider are made.
console.log(JSON.stringify({
  whole: await each(pirate, async (model) => {
    const { text, finishReason, usage } = await generateText({ ...request, model });
    return [text, finishReason, usage.inputTokens, usage.outputTokens];
  }),
  streamed: await each(pirate, async (model) => {
    const stream = streamText({ ...request, model });
    const parts = [];
    for await (const part of stream.textStream) { parts.push(part); }
    const usage = await stream.usage;
    return [parts.join(""), await stream.finishReason, usage.inputTokens, usage.outputTokens, parts.length > 1];
  }),
  second: await each(pirate, async (model) => {
    const { response } = await generateText({ ...request, model });
    const { prompt, ...rest } = request;
    const { text, usage } = await generateText({ ...rest, model, messages: [{ role: "user", content: prompt }, ...response.messages, { role: "user", content: "And of Spain?" }] });
    return [text, usage.inputTokens];
  }),
  objects: await each(objects, async (model) => (await generateObject({ ...request, model, schema })).object),
  streamedObjects: await each(objects, async (model) => {
    const stream = streamObject({ ...request, model, schema });
    for await (const _ of stream.partialObjectStream) { /* to its end */ }
    return stream.object;
  }),
  // Agents send one number to every model, whatever its context.
  longer: await each(pirate, async (model) => (await generateText({ ...request, model, maxOutputTokens: 32000 })).text),
  choice: (await generateObject({ ...request, model: pirate.responses, output: "enum", enum: ["yes", "no"] })).object,
  embeddings: await embedMany({ model: openai(baseURL, apiKey).embedding("pirate"), values: ["Ahoy!", "Where is the boat?"], maxRetries: 0 })
    .then(({ embeddings, usage }) => [embeddings.map((embedding) => embedding.length), usage.tokens > 0]),
  wrong: await each(pirate, (model) => generateText({ ...request, model, topP: 2 }).then(() => "taken", (error) => `${error.constructor.name} ${error.statusCode}`)),
}));
