/** The system's words. Source: prompt_template_encode. */
const SYSTEM =
  "Describe the key features of the input image (color, shape, size, texture, objects, background), then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the user's requirements while maintaining consistency with the original input where appropriate.";

/** What stands before the pictures and after the prompt, the same in each family. */
export const WORDS_BEFORE = `<|im_start|>system\n${SYSTEM}<|im_end|>\n<|im_start|>user\n`;
export const WORDS_AFTER = '<|im_end|>\n<|im_start|>assistant\n';

/** Hidden states of the first tokens, the system's words, are dropped: a constant there. Source: prompt_template_encode_start_idx. */
export const DROPPED_TOKENS = 64;
