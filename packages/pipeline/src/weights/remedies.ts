/** What to do about files of a checkpoint; the hints of several errors. "Download it again" is said only where that helps. */

export const FETCH_AGAIN =
  'Delete this file and download it again: `qwen-edit model pull` fetches what is missing. `qwen-edit model verify` lists everything that is wrong.';

export const MEND_TEXT =
  'Correct this file if it was edited, or delete it and download it again: `qwen-edit model pull` fetches what is missing.';

export const FETCH_MISSING =
  'Download what is missing: `qwen-edit model pull` fetches it and keeps the rest. `qwen-edit model verify` lists everything that is missing.';

/** For files that are each whole, and do not belong together. */
export const ONE_REVISION =
  'The files are of different models or revisions. Take config.json, the index and all weight files of this folder from one revision of one model.';

export const LET_READ = 'Let the user that the service runs as read all files of the model folder.';

export const FULL_PRECISION =
  'Use the weights as their authors published them, in bf16, fp16 or fp32: `qwen-edit model pull Qwen/Qwen-Image-Edit-2511`.';

export const WHOLE_FOLDER =
  'Point --model or QWEN_EDIT_2511_DIR at a whole diffusers folder, which holds model_index.json: `qwen-edit model pull Qwen/Qwen-Image-Edit-2511` makes one.';
