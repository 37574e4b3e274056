// Lets OpenAI's JavaScript client keep a conversation, and have responses answered in the background; prints what came of it as one JSON object.
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = "tiny-chat-5m", temperature = 0, max_output_tokens = 12;

const conversation = await client.conversations.create({ metadata: { topic: "boats" }, items: [{ type: "message", role: "user", content: "What is the capital of France?" }] });
const first = await client.responses.create({ model, temperature, max_output_tokens, conversation: conversation.id, input: "Say it." });
const added = await client.conversations.items.create(conversation.id, { items: [{ type: "message", role: "user", content: "Which color is a banana?" }] });
const stream = client.responses.stream({ model, temperature, max_output_tokens, conversation: { id: conversation.id }, input: [{ role: "user", content: "And the sky?" }] });
const second = await stream.finalResponse();
const items = [];
for await (const item of client.conversations.items.list(conversation.id, { order: "asc", limit: 2 })) { items.push(item); }
const one = await client.conversations.items.retrieve(added.first_id, { conversation_id: conversation.id });
await client.conversations.items.delete(added.first_id, { conversation_id: conversation.id });
const left = [];
for await (const item of client.conversations.items.list(conversation.id)) { left.push(item.id); }
const labels = (await client.conversations.update(conversation.id, { metadata: { topic: "sky" } })).metadata;
const deleted = await client.conversations.delete(conversation.id);
const gone = await client.conversations.retrieve(conversation.id).catch(error => `${error.constructor.name} ${error.status}`);

// The same question, waited for and not.
const question = { model, temperature, max_output_tokens, input: "What is the capital of France?" };
const waited = await client.responses.create(question);
let asked = await client.responses.create({ ...question, background: true });
const begun = asked.status;
while (asked.status === "queued" || asked.status === "in_progress") {
  await new Promise(resolve => setTimeout(resolve, 50));
  asked = await client.responses.retrieve(asked.id);
}
const long = await client.responses.create({ ...question, background: true, max_output_tokens: 1500, ignore_eos: true });
const cancelled = await client.responses.cancel(long.id);

console.log(JSON.stringify({
  conversation: [conversation.object, conversation.metadata.topic, first.conversation.id === conversation.id, second.conversation.id === conversation.id],
  roles: items.map(item => item.role),
  texts: [typeof items[2].content[0].text, items[3].content[0].text, one.content[0].text],
  ids: [new Set(items.map(item => item.id)).size, left.length, left.includes(added.first_id)],
  answers: [items[2].content[0].text === first.output_text, items[5].content[0].text === second.output.at(-1).content[0].text],
  labels, deleted: [deleted.object, deleted.deleted], gone,
  background: [begun, asked.status, asked.background, asked.output.map(item => item.content[0].text).join("") === waited.output_text],
  cancelled: [cancelled.status, (await client.responses.retrieve(long.id)).status],
}));
