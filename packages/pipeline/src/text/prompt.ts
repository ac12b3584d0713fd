import { Tokenizer } from '@huggingface/tokenizers';
import { AppError } from '@qwen-edit/contract';
import { type Family, PLUS_FAMILY } from '../hub/families.ts';
import type { TokenizerConfig, TokenizerFile } from '../hub/tokenizer-files.ts';
import { MEND_TEXT, ONE_REVISION } from '../weights/remedies.ts';
import { WORDS_AFTER, WORDS_BEFORE } from './template.ts';

const IMAGE_PAD = '<|image_pad|>';

export interface PromptTokens {
  readonly ids: readonly number[];
  /** For each picture the place of its first token in `ids`. */
  readonly imageStarts: readonly number[];
}

export interface PromptEncoder {
  /** Token ids of the template with `prompt` and with pictures that take `imageTokens` tokens each. */
  encode(prompt: string, imageTokens: readonly number[]): PromptTokens;
  readonly imageTokenId: number;
}

/**
 * The tokenizer with the pipeline's template. A user's prompt is encoded by a tokenizer that knows no added tokens, so that a
 * prompt cannot end its turn or insert a picture. For prompts without such words the ids are those of the reference.
 * `family`: how its template names pictures. Throws AppError `model_corrupt` or `model_unsupported` for a tokenizer that cannot
 * be used.
 */
export function createPromptEncoder(
  file: TokenizerFile,
  config: TokenizerConfig,
  family: Pick<Family, 'pictureLabel'> = PLUS_FAMILY,
): PromptEncoder {
  const template = assemble(file, config);
  const { added_tokens_decoder: _unused, ...plainConfig } = config;
  const user = assemble({ ...file, added_tokens: [] }, plainConfig);
  const imageTokenId = file.added_tokens.find((token) => token.content === IMAGE_PAD)?.id;
  if (imageTokenId === undefined) {
    throw new AppError('model_unsupported', `The tokenizer has no ${IMAGE_PAD}.`, { hint: ONE_REVISION });
  }
  const ids = (tokenizer: Tokenizer, text: string): number[] =>
    tokenizer.encode(text, { add_special_tokens: false }).ids;
  const after = ids(template, WORDS_AFTER);

  return {
    imageTokenId,
    encode(prompt, imageTokens) {
      const pictures = imageTokens
        .map((_, i) => `${family.pictureLabel(i + 1)}<|vision_start|>${IMAGE_PAD}<|vision_end|>`)
        .join('');
      const out: number[] = [];
      const imageStarts: number[] = [];
      for (const id of ids(template, WORDS_BEFORE + pictures)) {
        if (id !== imageTokenId) {
          out.push(id);
          continue;
        }
        imageStarts.push(out.length);
        for (let i = imageTokens[imageStarts.length - 1] ?? 0; i > 0; i--) out.push(id);
      }
      for (const id of ids(user, prompt)) out.push(id);
      for (const id of after) out.push(id);
      return { ids: out, imageStarts };
    },
  };
}

function assemble(file: TokenizerFile, config: TokenizerConfig): Tokenizer {
  try {
    return new Tokenizer(file, config);
  } catch (cause) {
    throw new AppError('model_corrupt', 'The tokenizer of this model cannot be put together.', {
      hint: MEND_TEXT,
      cause,
    });
  }
}
