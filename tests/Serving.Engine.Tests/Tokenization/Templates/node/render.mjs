// Reads [{name, template, variables}] on stdin, writes {name: {output} | {error}} on stdout.
import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { readFileSync } from "node:fs";

const results = {};
for (const { name, template, variables } of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    const defaults = { messages: [], tools: null, documents: null, add_generation_prompt: true };
    results[name] = { output: new Template(template).render({ ...defaults, ...variables }) };
  } catch (error) {
    results[name] = { error: String(error.message) };
  }
}

process.stdout.write(JSON.stringify(results));
