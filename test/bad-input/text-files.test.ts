import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ModelFolder, openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { createPromptEncoder } from '../../packages/pipeline/src/text/prompt.ts';
import { changeJson, copyOf } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

/** What editors, version control and copies between systems make of a text. */
const FORMS: Readonly<Record<string, (text: string) => Uint8Array>> = {
  'with CRLF': (text) => Buffer.from(text.replaceAll('\n', '\r\n')),
  'with CR alone': (text) => Buffer.from(text.replaceAll('\n', '\r')),
  'with a byte order mark': (text) => Buffer.from(`\ufeff${text}`),
  'with a byte order mark and CRLF': (text) => Buffer.from(`\ufeff${text.replaceAll('\n', '\r\n')}`),
  'in UTF-16LE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'in UTF-16BE': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  'with blanks at the end of each line': (text) => Buffer.from(text.replaceAll('\n', ' \t\n')),
  'with empty lines at its end': (text) => Buffer.from(`${text}\n \n\n`),
  'without a newline at its end': (text) => Buffer.from(text.trimEnd()),
};
const CARD = {
  name: '编辑 model',
  edits: [{ kind: 'a', title: { en: 'A', zh: '甲' }, prompts: { en: ['x'], zh: ['灰'] } }],
};
const PROMPT = "Give the cat a red hat, don't change 2 things – 给猫戴上帽子 🎩\n";

async function textFilesOf(dir: string): Promise<string[]> {
  const files = await readdir(dir, { recursive: true });
  return files.filter((file) => /\.(json|txt)$/.test(file) && !file.endsWith('generation_config.json')).sort();
}

const meaningOf = ({ name: _name, ...folder }: ModelFolder) => ({
  digest: folder.digest,
  card: folder.card,
  edit: folder.edit,
  tokens: createPromptEncoder(folder.tokenizer.file, folder.tokenizer.config).encode(PROMPT, [4]).ids,
});

/** A copy in which every optional text file of its layout is there. */
async function wholeCopy(checkpoint: 'tiny-b' | 'tiny-c'): Promise<string> {
  const dir = await copyOf(checkpoint);
  await changeJson(dir, 'model_card.json', (json) => Object.assign(json, CARD));
  await changeJson(dir, 'edit_config.json', (json) => Object.assign(json, { num_inference_steps: 7 }));
  return dir;
}

describe.each(['tiny-b', 'tiny-c'] as const)('every text file of the checkpoint %s means the same', (checkpoint) => {
  it.each(Object.keys(FORMS))('%s', async (form) => {
    const dir = await wholeCopy(checkpoint);
    const clean = meaningOf(await openModelFolder(dir));
    const files = await textFilesOf(dir);
    expect(files).toEqual(expect.arrayContaining(['model_card.json', 'model_index.json', 'vae/config.json']));
    for (const file of files) {
      const text = await readFile(join(dir, file), 'utf8');
      await writeFile(join(dir, file), FORMS[form]!(text));
      expect(meaningOf(await openModelFolder(dir)), file).toEqual(clean);
    }
  });
});

describe('a text file that cannot be read as it is meant is refused by its name', () => {
  it.each(['tiny-b', 'tiny-c'] as const)('bytes that are no text, in any file of %s', async (checkpoint) => {
    const dir = await wholeCopy(checkpoint);
    // tiny-c reads its tokenizer from the processor's folder, so that the other folder is never opened.
    for (const file of (await textFilesOf(dir)).filter((each) => !each.startsWith('tokenizer/'))) {
      const clean = await readFile(join(dir, file));
      for (const bytes of [Buffer.from([...clean, 0xc3]), Buffer.from(clean.toString('utf8'), 'utf16le')]) {
        await writeFile(join(dir, file), bytes);
        await expectRefusal(openModelFolder(dir), 'model_corrupt', file);
      }
      await writeFile(join(dir, file), clean);
    }
  });

  it.each(['one', 'one two three', 'nowhere word', 'h e'.replace(' ', '\u00a0')])('the merge %j', async (line) => {
    const dir = await copyOf('tiny-b');
    const path = join(dir, 'processor/merges.txt');
    await writeFile(path, `${await readFile(path, 'utf8')}${line}\n`);
    await expectRefusal(openModelFolder(dir), 'model_corrupt', 'processor/merges.txt', 'line ');
  });
});
