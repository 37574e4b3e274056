// Reads requests as JSON lines and answers each with one line.
//   {tokenizer, texts, addSpecial, skipSpecial} -> {cases: [{ids, text}]}   text: the ids decoded again
//   {form, texts}                               -> {texts: [normalized]}
import { createInterface } from 'node:readline';
import { Tokenizer } from '@huggingface/tokenizers';

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  if (request.form) {
    answer = { texts: request.texts.map((text) => text.normalize(request.form)) };
  } else {
    const tokenizer = new Tokenizer(request.tokenizer, { clean_up_tokenization_spaces: false });
    const cases = request.texts.map((text) => {
      const { ids } = tokenizer.encode(text, { add_special_tokens: request.addSpecial });
      return { ids, text: ids.length ? tokenizer.decode(ids, { skip_special_tokens: request.skipSpecial }) : '' };
    });
    answer = { cases };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
