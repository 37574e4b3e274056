// One model over each of the APIs that the Vercel AI SDK's providers speak.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

globalThis.AI_SDK_LOG_WARNINGS = false;

export const openai = (baseURL, apiKey) => createOpenAI({ baseURL, apiKey });

export const models = (baseURL, apiKey, name) => ({
  responses: openai(baseURL, apiKey)(name),
  chat: openai(baseURL, apiKey).chat(name),
  compatible: createOpenAICompatible({ name: "local", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true })(name),
  messages: createAnthropic({ baseURL, apiKey })(name),
});

// What became of one call for each model, as one object.
export const each = async (all, call) => Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, model]) => [name, await call(model, name)])));
