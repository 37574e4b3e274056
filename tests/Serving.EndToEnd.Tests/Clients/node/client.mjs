// Talks to the daemon through OpenAI's JavaScript client and prints what came of it as one JSON object.
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];

async function kindOf(call) {
  try {
    await call();
    return "no error";
  } catch (error) {
    return `${error.constructor.name} ${error.status} ${error.param ?? ""}`.trim();
  }
}

const whole = await client.chat.completions.create({ model: "pirate", messages, temperature: 0, max_tokens: 64 });
let streamed = "", usage = null, finish = null;
for await (const chunk of await client.chat.completions.create({
  model: "pirate", messages, temperature: 0, max_tokens: 64, stream: true, stream_options: { include_usage: true },
})) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  finish = chunk.choices[0]?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}
const completion = await client.completions.create({ model: "tiny-chat-5m", prompt: ["Once", "One"], max_tokens: 4, n: 2 });
const models = [];
for await (const model of client.models.list()) {
  models.push(model.id);
}
await client.post("/prompt_schemas", {
  body: {
    schema: {
      name: "notes",
      content: [
        { type: "system", content: ["Use the following documents.\n\n",
          { type: "module", name: "office", content: "Document: Office Report\nThe phone extension of Clara is 190.\nThe chess race starts at 7:40 in room 3.\n\n" }] },
        { type: "user" }],
    },
  },
});
const imported = [];
for (let i = 0; i < 2; i++) {
  imported.push(await client.chat.completions.create({
    model: "tiny-chat-5m", prompt_schema: "notes", temperature: 0, max_tokens: 64,
    messages: [{ role: "user", content: [{ type: "prompt_module", name: "office" }, { type: "text", text: "What is the phone extension of Clara?" }] }],
  }));
}
const aborted = await client.chat.completions.create({ model: "shout", messages, stream: true });
for await (const chunk of aborted) {
  aborted.controller.abort();
}

console.log(JSON.stringify({
  whole: whole.choices[0].message.content,
  wholeTokens: whole.usage.total_tokens,
  streamed,
  finish,
  streamedTokens: usage.total_tokens,
  choices: completion.choices.map(choice => choice.index),
  models,
  imported: imported.map(answer => answer.choices[0].message.content),
  reused: imported.map(answer => answer.usage.prompt_tokens_details.prompt_modules[0].cached_tokens),
  noModule: await kindOf(() => client.chat.completions.create({
    model: "tiny-chat-5m", prompt_schema: "notes", messages: [{ role: "user", content: [{ type: "prompt_module", name: "garden" }, { type: "text", text: "Hello!" }] }],
  })),
  unknown: await kindOf(() => client.chat.completions.create({ model: "nobody", messages })),
  wrong: await kindOf(() => client.chat.completions.create({ model: "pirate", messages, temperature: 9 })),
  structured: (await client.chat.completions.create({
    model: "pirate", messages, max_tokens: 100,
    response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema: {
      type: "object", properties: { city: { type: "string", maxLength: 12 }, sure: { type: "boolean" } }, required: ["city", "sure"], additionalProperties: false } } },
  })).choices[0].message.content,
  least: (await client.completions.create({ model: "terse", prompt: "Paris", temperature: 0, max_tokens: 60, min_tokens: 40 })).usage.completion_tokens,
  withoutParis: (await client.chat.completions.create({ model: "pirate", messages, temperature: 0, bad_words: ["Paris"] })).choices[0].message.content,
  onlyOne: (await client.completions.create({ model: "pirate", prompt: "x", max_tokens: 3, logprobs: 0, allowed_token_ids: [300] })).choices[0].logprobs.token_logprobs.length,
  unsupported: await kindOf(() => client.chat.completions.create({ model: "pirate", messages, modalities: ["audio"] })),
  keyless: await kindOf(() => new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list()),
}));
