// Lets the Vercel AI SDK call the functions that a model asks for, and ask again with their results and all that came before; prints what came of it as one JSON object.
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { each, models } from "./models.mjs";

const [baseURL] = process.argv.slice(2);
const all = models(baseURL, "none", "scripted");
const called = tool({ description: "d", inputSchema: z.looseObject({}), execute: async () => "rain" });
const request = { prompt: "How is it?", tools: { get_weather: called, get_time: called, f: called }, temperature: 0, maxOutputTokens: 100, stopWhen: stepCountIs(3), maxRetries: 0 };

const seen = (steps) => steps.map((step) => [step.reasoningText ?? "", step.text, step.toolCalls.map((call) => [call.toolName, call.input]), step.finishReason]);
console.log(JSON.stringify({
  whole: await each(all, async (model) => seen((await generateText({ ...request, model })).steps)),
  streamed: await each(all, async (model) => {
    const stream = streamText({ ...request, model });
    await stream.consumeStream();
    return seen(await stream.steps);
  }),
}));
