"use strict";

const $ = id => document.getElementById(id);
const chat = { messages: [], running: null };
let last = null;

function headers() {
  const key = sessionStorage.getItem("key");
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// Live numbers. Speed is what was generated between two looks.
async function look() {
  try {
    const response = await fetch("/v1/status", { headers: headers() });
    if (response.status === 401) { askForKey(); return; }
    if (!response.ok) { badge("starting", ""); return; }
    show(await response.json());
  } catch {
    badge("unreachable", "bad");
  }
}

function show(status) {
  const now = performance.now();
  $("model").textContent = status.model;
  document.title = `${status.model} – Serving`;
  $("device").textContent = `${status.device} · ${status.instruction_set} · ${status.threads} threads · ${compact(status.parameters)} parameters · context ${status.max_model_len}`;
  badge(status.state, status.state === "ready" ? "ready" : "bad");
  $("running").textContent = status.running;
  $("waiting").textContent = status.waiting;
  $("tokens").textContent = compact(status.generation_tokens);
  if (last) {
    $("speed").textContent = Math.max(0, Math.round((status.generation_tokens - last.tokens) / (now - last.at) * 1000));
  }
  last = { tokens: status.generation_tokens, at: now };
  showPool(status.pool);
  showAdapters(status);
}

function showPool(pool) {
  $("pool-size").textContent = `${pool.total.toLocaleString()} pages of ${pool.page_bytes / 1024} KiB`;
  let x = 0;
  for (const part of ["sequences", "cached", "modules", "adapters"]) {
    // A used part is at least a sliver, or a small one in a large pool would not be seen.
    const width = pool[part] === 0 ? 0 : Math.max(4, pool[part] / pool.total * 1000);
    const bar = $(`bar-${part}`);
    bar.setAttribute("x", x);
    bar.setAttribute("width", width);
    x += width;
    $(`n-${part}`).textContent = pool[part].toLocaleString();
  }
  $("n-free").textContent = pool.free.toLocaleString();
}

function showAdapters(status) {
  const resident = status.adapters.filter(adapter => adapter.state === "resident").length;
  $("adapter-count").textContent = `${status.adapters.length} known, ${resident} in the pool`;
  $("adapters").replaceChildren(...status.adapters.slice(0, 200).map(adapter => {
    const row = document.createElement("tr");
    const name = cell(adapter.name + (adapter.shared ? "" : " (yours)"));
    const dot = document.createElement("span");
    dot.className = `dot ${adapter.state}`;
    name.prepend(dot);
    row.append(name, cell(adapter.state), cell(adapter.rank || "–"), cell(adapter.pages || "–"), cell(adapter.running || "–"));
    return row;
  }));
  const names = [status.model, ...status.adapters.map(adapter => adapter.name)];
  const select = $("adapter");
  if (names.join("\n") !== [...select.options].map(option => option.value).join("\n")) {
    const chosen = select.value;
    select.replaceChildren(...names.map((name, index) => new Option(index === 0 ? `${name} (base)` : name, name)));
    select.value = names.includes(chosen) ? chosen : names[0];
  }
}

function cell(text) {
  const element = document.createElement("td");
  element.textContent = text;
  return element;
}

function badge(text, kind) {
  $("state").textContent = text;
  $("state").className = `badge ${kind}`;
}

function compact(number) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(number);
}

// Chat. The answer is read event by event; stopping closes the connection, and the daemon drops the request.
async function send(text) {
  const model = $("adapter").value;
  const messages = chat.messages; // A new chat has a list of its own.
  messages.push({ role: "user", content: text });
  bubble("user", text);
  const answer = bubble("assistant", "");
  const shown = answer.firstChild;
  answer.classList.add("busy");
  const control = chat.running = new AbortController();
  $("send").hidden = true;
  $("stop").hidden = false;
  const started = performance.now();
  const thoughts = document.createElement("details");
  thoughts.append(Object.assign(document.createElement("summary"), { textContent: "Thoughts" }), document.createTextNode(""));
  let content = "", tokens = 0, note = "";
  try {
    for await (const chunk of stream({
      model, messages, stream: true, stream_options: { include_usage: true }, temperature: Number($("temperature").value),
    }, control.signal)) {
      if (chunk.error) { throw new Error(chunk.error.message); }
      const delta = chunk.choices[0]?.delta;
      content += delta?.content ?? "";
      if (delta?.reasoning) {
        answer.prepend(thoughts);
        thoughts.lastChild.textContent += delta.reasoning;
      }
      tokens = chunk.usage?.completion_tokens ?? tokens;
      shown.textContent = content;
      $("messages").scrollTop = $("messages").scrollHeight;
    }
    note = `${tokens} tokens in ${((performance.now() - started) / 1000).toFixed(2)} s`;
  } catch (error) {
    note = error.name === "AbortError" ? "stopped" : error.message;
    answer.classList.toggle("failed", error.name !== "AbortError");
  }
  answer.classList.remove("busy");
  answer.append(Object.assign(document.createElement("small"), { textContent: `${model} · ${note}` }));
  if (content) { messages.push({ role: "assistant", content }); } else { messages.pop(); } // What got no answer was not asked.
  chat.running = null;
  $("send").hidden = false;
  $("stop").hidden = true;
}

async function* stream(body, signal) {
  const response = await fetch("/v1/chat/completions", {
    method: "POST", signal, body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers() },
  });
  if (!response.ok) {
    throw new Error((await response.json()).error.message);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) { return; }
    buffer += value;
    const events = buffer.split("\n\n");
    buffer = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data !== "[DONE]") { yield JSON.parse(data); }
    }
  }
}

function bubble(kind, text) {
  const element = document.createElement("div");
  element.className = `message ${kind}`;
  element.append(document.createTextNode(text));
  $("messages").append(element);
  $("messages").scrollTop = $("messages").scrollHeight;
  return element;
}

function askForKey() {
  badge("key needed", "");
  if (!$("ask").open) { $("ask").showModal(); }
}

$("ask-form").addEventListener("submit", () => { sessionStorage.setItem("key", $("key").value); look(); });
$("stop").addEventListener("click", () => chat.running?.abort());
$("clear").addEventListener("click", () => { chat.running?.abort(); chat.messages = []; $("messages").replaceChildren(); });
$("input").addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); $("form").requestSubmit(); }
});
$("form").addEventListener("submit", event => {
  event.preventDefault();
  const text = $("input").value.trim();
  if (text && !chat.running) { $("input").value = ""; send(text); }
});
look();
setInterval(() => document.hidden || $("ask").open || look(), 1000);
