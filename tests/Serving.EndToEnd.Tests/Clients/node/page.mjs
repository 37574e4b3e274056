// Runs the built-in page's own script, as the daemon serves it, on as much of a browser as it uses, and prints what a user would have seen as one JSON object.
import vm from "node:vm";

const [origin, key] = process.argv.slice(2);

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], listeners: {}, value: "", hidden: false, open: false, className: "" });
    this.classList = { add() {}, remove() {}, toggle() {} };
  }
  get textContent() { return this.children.map(child => child.textContent).join(""); }
  set textContent(text) { this.children = [document.createTextNode(text)]; }
  get firstChild() { return this.children[0]; }
  get lastChild() { return this.children.at(-1); }
  get options() { return this.children; }
  append(...nodes) { this.children.push(...nodes); }
  prepend(...nodes) { this.children.unshift(...nodes.filter(node => !this.children.includes(node))); }
  replaceChildren(...nodes) { this.children = nodes; }
  setAttribute() {}
  showModal() { this.open = true; }
  requestSubmit() { this.fire("submit"); }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  fire(name) { this.listeners[name]({ preventDefault() {} }); }
}

const elements = {}, stored = {}, fetchHere = globalThis.fetch;
Object.assign(globalThis, {
  document: {
    hidden: false,
    getElementById: id => elements[id] ??= new Element(id),
    createElement: tag => new Element(tag),
    createTextNode: text => ({ textContent: String(text) }),
  },
  Option: class extends Element {
    constructor(text, value) { super("option"); this.textContent = text; this.value = value; }
  },
  sessionStorage: { getItem: name => stored[name] ?? null, setItem: (name, value) => { stored[name] = value; } },
  fetch: (path, options) => fetchHere(new URL(path, origin), options),
  setInterval: () => 0, // It looks once, and when it is told to.
});

const $ = id => document.getElementById(id);
async function until(condition) {
  for (const start = Date.now(); !condition();) {
    if (Date.now() - start > 60000) { throw new Error(`waited in vain for ${condition}`); }
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

function ask(text) {
  $("input").value = text;
  $("form").fire("submit");
}

vm.runInThisContext(await (await fetchHere(new URL("/page/app.js", origin))).text(), { filename: "app.js" });
await until(() => $("ask").open);
$("ask").open = false;
$("key").value = key;
$("ask-form").fire("submit");
await until(() => $("state").textContent === "ready");
const models = $("adapter").options.map(option => option.value);

ask("What is the capital of France?");
await until(() => !$("send").hidden);
const bubbles = $("messages").children.map(element => element.textContent);

$("adapter").value = "nobody's";
ask("Where is it?");
await until(() => !$("send").hidden);
const kept = vm.runInThisContext("chat.messages.length");
const refused = $("messages").lastChild.textContent;

$("adapter").value = models[0];
ask("Tell me a story.");
$("clear").fire("click");
await until(() => !$("send").hidden);
console.log(JSON.stringify({ models, bubbles, kept, refused, afterClear: vm.runInThisContext("chat.messages.length") }));
