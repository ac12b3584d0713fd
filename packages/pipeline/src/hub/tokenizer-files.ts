import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { FETCH_MISSING, MEND_TEXT } from '../weights/remedies.ts';
import { readJsonFile, readTextFile } from '../weights/text-file.ts';
import { checkConfig } from './read-json.ts';

const addedTokenSchema = z.looseObject({ id: z.int(), content: z.string() });
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  model: z.looseObject({
    type: z.literal('BPE', 'must be BPE').optional(),
    vocab: z.record(z.string(), z.int().min(0)),
  }),
});
/** The parts of tokenizer.json that we read; the rest is passed on as it is. */
export type TokenizerFile = z.output<typeof tokenizerSchema>;

const configSchema = z.looseObject({
  added_tokens_decoder: z.record(z.string(), z.looseObject({ content: z.string() })).optional(),
});
export type TokenizerConfig = z.output<typeof configSchema>;

export interface TokenizerFiles {
  readonly file: TokenizerFile;
  readonly config: TokenizerConfig;
}

/** How Qwen2 splits text before the merges. Source: PRETOKENIZE_REGEX of transformers' Qwen2Tokenizer. */
const PRETOKENIZE =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * Reads a tokenizer from `dir`: tokenizer.json, or vocab.json with merges.txt and the added tokens of added_tokens.json
 * or tokenizer_config.json. undefined if the folder has neither. Throws AppError `model_incomplete` or `model_corrupt`.
 */
export async function readTokenizerFiles(dir: string, folder: string): Promise<TokenizerFiles | undefined> {
  const config = checkConfig(
    configSchema,
    (await readJsonFile(dir, `${folder}/tokenizer_config.json`)) ?? {},
    `${folder}/tokenizer_config.json`,
  );
  const whole = await readJsonFile(dir, `${folder}/tokenizer.json`);
  if (whole !== undefined) return { file: checkConfig(tokenizerSchema, whole, `${folder}/tokenizer.json`), config };

  const vocab = await readJsonFile(dir, `${folder}/vocab.json`);
  if (vocab === undefined) return undefined;
  const merges = await readTextFile(dir, `${folder}/merges.txt`);
  if (merges === undefined)
    throw new AppError('model_incomplete', `${folder}/merges.txt is missing.`, { hint: FETCH_MISSING });
  const added = checkConfig(
    z.record(z.string(), z.int()),
    (await readJsonFile(dir, `${folder}/added_tokens.json`)) ?? {},
    `${folder}/added_tokens.json`,
  );
  const tokens = new Map(Object.entries(added).map(([content, id]) => [content, id]));
  for (const [id, { content }] of Object.entries(config.added_tokens_decoder ?? {})) tokens.set(content, Number(id));
  const pieces = checkConfig(z.record(z.string(), z.int()), vocab, `${folder}/vocab.json`);
  return { file: assemble(pieces, mergesOf(merges, pieces, `${folder}/merges.txt`), tokens), config };
}

/**
 * The pairs of merges.txt, in their order. Throws AppError `model_corrupt` for a line that is no pair of words of the vocabulary:
 * the reference refuses it too, and passing it over would give other tokens. Source: Qwen2Tokenizer of transformers.
 */
function mergesOf(text: string, vocab: Readonly<Record<string, number>>, file: string): [string, string][] {
  const merges: [string, string][] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || (i === 0 && trimmed.startsWith('#version'))) continue;
    const [left, right, ...rest] = trimmed.split(/[ \t]+/);
    const isPair = left !== undefined && right !== undefined && rest.length === 0;
    if (!isPair || ![left, right, left + right].every((word) => Object.hasOwn(vocab, word)))
      throw new AppError('model_corrupt', `${file}: line ${i + 1} is not a pair of words of the vocabulary.`, {
        hint: MEND_TEXT,
      });
    merges.push([left, right]);
  }
  return merges;
}

function assemble(
  vocab: Record<string, number>,
  merges: [string, string][],
  tokens: Map<string, number>,
): TokenizerFile {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...tokens]
      .sort((a, b) => a[1] - b[1])
      .map(([content, id]) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PRETOKENIZE }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}
