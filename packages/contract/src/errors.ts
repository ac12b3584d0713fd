/** What a caller needs to know about an error besides its message. */
export interface ErrorFacts {
  /** HTTP status that an API answers with. */
  readonly status: number;
  /** True when the same request may succeed later without a change. */
  readonly retryable: boolean;
  readonly title: string;
  /** What to do next. */
  readonly hint: string;
}

const facts = (status: number, retryable: boolean, title: string, hint: string): ErrorFacts => ({
  status,
  retryable,
  title,
  hint,
});

/** Every error that can reach a user, with its facts. The keys are the closed union of codes. */
export const ERRORS = {
  usage: facts(400, false, 'The command line is wrong', 'Run `qwen-edit edit --help` to see the flags.'),
  invalid_parameter: facts(400, false, 'A parameter is wrong', 'Correct the named parameter.'),
  prompt_empty: facts(400, false, 'The prompt is empty', 'Say in a few words what to change in the picture.'),
  prompt_too_long: facts(400, false, 'The prompt is too long', 'Shorten the prompt.'),
  image_not_found: facts(400, false, 'The picture cannot be read', 'Check the path and its permissions.'),
  image_invalid: facts(
    400,
    false,
    'The file is not a readable picture',
    'Send a whole JPEG, PNG, WebP, GIF, TIFF or AVIF file.',
  ),
  image_too_large: facts(413, false, 'The picture has too many pixels', 'Make the picture smaller before sending it.'),
  image_ratio: facts(
    400,
    false,
    'The picture is too narrow for the model',
    'Crop the picture to a less extreme ratio of width to height.',
  ),
  steps_too_few: facts(
    400,
    false,
    'This schedule needs more steps',
    'Ask for 2 steps or more, or use a scheduler without shift_terminal (as Lightning has).',
  ),
  model_not_found: facts(
    503,
    false,
    'There is no model in this folder',
    'Point --model or QWEN_EDIT_2511_DIR at a folder that holds model_index.json.',
  ),
  model_incomplete: facts(503, false, 'The model folder is incomplete', 'Download the model again: files are missing.'),
  model_corrupt: facts(
    503,
    false,
    'A file of the model is damaged',
    'Download the named file again and compare its size with the source.',
  ),
  model_unsupported: facts(
    503,
    false,
    'The model needs something this version cannot do',
    'Use a checkpoint of the Qwen-Image-Edit-2511 architecture.',
  ),
  result_invalid: facts(
    500,
    false,
    'The network gave numbers that are no picture',
    'Try another seed or fewer steps; if it stays, check the model files.',
  ),
  out_of_memory: facts(503, true, 'Memory ran out', 'Lower --max-side or the output size, or free memory.'),
  engine_failed: facts(
    500,
    true,
    'The engine could not do its work',
    'Try again; if it stays, report it with the details given.',
  ),
  engine_crashed: facts(
    503,
    true,
    'The engine process ended unexpectedly',
    'Try again: a fresh engine is started. If it stays, check memory.',
  ),
  engine_protocol: facts(503, true, 'The engine process answered nonsense', 'Try again: a fresh engine is started.'),
  engine_silent: facts(
    503,
    true,
    'The engine process stopped answering',
    'Try again: a fresh engine is started. A slow machine may need a longer silence limit.',
  ),
  engine_closed: facts(503, false, 'The pipeline was closed', 'Create a new pipeline.'),
  snapshot_invalid: facts(400, false, 'The snapshot does not fit this edit', 'Start the edit from its first step.'),
  canceled: facts(499, false, 'The edit was cancelled', 'Nothing to do.'),
  output_unwritable: facts(
    500,
    false,
    'The result cannot be written',
    'Check that the folder exists and may be written.',
  ),
  disk_full: facts(507, true, 'The disk is full', 'Free some space and try again.'),
  internal: facts(500, false, 'Something unforeseen went wrong', 'Report this error with its details.'),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  /** Replaces the table's hint where the place knows better. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The only error that may reach a user: a code from the closed union, what happened, and what to do. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERRORS, value);
}

/** Turns whatever was thrown into an AppError; an unforeseen error becomes `internal` and keeps its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError('internal', message, { cause: thrown });
}
