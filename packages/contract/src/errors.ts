import type { FieldError } from './field-errors.ts';

/**
 * Where an error comes from, and so who pays for it when it ends an attempt of a job. `request`: what was asked for, wherever it
 * runs. `engine`: the edit or the device it ran on; only another edit tells which. `surroundings`: storage, database, queue,
 * disk, model folder, a device that fails its self-test or cannot be used; never the job's fault. `service`: the state of the service, or of the job itself.
 */
export type ErrorOrigin = 'request' | 'engine' | 'surroundings' | 'service';

/** What a caller needs to know about an error besides its message. */
export interface ErrorFacts {
  readonly origin: ErrorOrigin;
  /** HTTP status that an API answers with. */
  readonly status: number;
  /** True when the same request may succeed later without a change. */
  readonly retryable: boolean;
  readonly title: string;
  /** What to do next. Whoever runs the service or the command reads it: it may name settings, folders and logs. */
  readonly hint: string;
  /** What a caller of the API is told to do, if `hint` is for whoever runs the service. */
  readonly callerHint?: string;
}

const factsOf =
  (origin: ErrorOrigin) =>
  (status: number, retryable: boolean, title: string, hint: string, callerHint?: string): ErrorFacts => ({
    ...{ origin, status, retryable, title, hint },
    ...(callerHint === undefined ? {} : { callerHint }),
  });
const request = factsOf('request');
const engine = factsOf('engine');
const surroundings = factsOf('surroundings');
const service = factsOf('service');

const TELL = 'Tell whoever runs the service.';
const LATER = 'Try again soon; if it stays, tell whoever runs the service.';

/** Every error that can reach a user, with its facts. The keys are the closed union of codes. */
export const ERRORS = {
  usage: request(
    400,
    false,
    'The command line is wrong',
    'Run `qwen-edit --help` to see the commands, and each with --help to see its flags.',
    'Correct the request.',
  ),
  invalid_parameter: request(400, false, 'A parameter is wrong', 'Correct the named parameter.'),
  prompt_empty: request(400, false, 'The prompt is empty', 'Say in a few words what to change in the picture.'),
  prompt_too_long: request(400, false, 'The prompt is too long', 'Shorten the prompt.'),
  image_not_found: request(400, false, 'The picture cannot be read', 'Check the path and its permissions.'),
  image_invalid: request(
    400,
    false,
    'The file is not a readable picture',
    'Send a whole JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP file.',
  ),
  image_too_large: request(
    413,
    false,
    'The picture has too many pixels',
    'Make the picture smaller before sending it.',
  ),
  image_too_complex: request(
    413,
    false,
    'The picture takes too long to decode',
    'Save the picture anew as a plain JPEG or PNG, of one page and without metadata, and send that.',
  ),
  image_ratio: request(
    400,
    false,
    'The picture is too narrow for the model',
    'Crop the picture to a less extreme ratio of width to height.',
  ),
  steps_too_few: request(
    400,
    false,
    'This schedule needs more steps',
    'Ask for 2 steps or more, or use a scheduler without shift_terminal (as Lightning has).',
  ),
  lora_not_found: request(
    400,
    false,
    'There is no such LoRA',
    'Check its name or path; GET /v1/models lists names. `qwen-edit model pull OWNER/NAME` fetches a repository.',
    'Name a LoRA that GET /v1/models lists, or tell whoever runs the service.',
  ),
  lora_refused: request(
    403,
    false,
    'This LoRA may not be used',
    'Name it in QWEN_EDIT_LORAS, or put its file below a folder of QWEN_EDIT_LORA_DIRS.',
    'Name a LoRA that GET /v1/models lists, or ask whoever runs the service to allow it.',
  ),
  lora_invalid: request(
    400,
    false,
    'The file is not a LoRA that can be used',
    'Use a LoRA in safetensors: docs/loras.md says which key layouts and types are read.',
  ),
  lora_mismatch: request(
    400,
    false,
    'The LoRA was made for another model',
    'Use a LoRA that was trained for this model: its layers and their widths must be the same.',
  ),
  model_not_found: surroundings(
    503,
    false,
    'There is no model in this folder',
    'Point --model or QWEN_EDIT_2511_DIR at a folder that holds model_index.json.',
    TELL,
  ),
  model_incomplete: surroundings(
    503,
    false,
    'The model folder is incomplete',
    'Download what is missing: `qwen-edit model pull` fetches it. `qwen-edit model verify` lists all of it.',
    TELL,
  ),
  model_corrupt: surroundings(
    503,
    false,
    'A file of the model is damaged',
    'Run `qwen-edit model verify` to see everything that is damaged, and download those files again.',
    TELL,
  ),
  model_unsupported: surroundings(
    503,
    false,
    'The model needs something this version cannot do',
    'Use a checkpoint of the Qwen-Image-Edit-2511 architecture; docs/model-folder.md says what can be loaded.',
    TELL,
  ),
  model_unknown: surroundings(
    404,
    false,
    'The hub knows no such model',
    'Check the name and the revision; a private model needs HF_TOKEN.',
    TELL,
  ),
  model_gated: surroundings(
    403,
    false,
    'The model is not open to this token',
    'Accept the licence at the model’s page on the hub, and set HF_TOKEN.',
    TELL,
  ),
  model_busy: surroundings(
    409,
    true,
    'Another process downloads this model',
    'Wait until it has ended, or stop it.',
    LATER,
  ),
  hub_unreachable: surroundings(
    503,
    true,
    'The model hub cannot be reached',
    'Check the network, HTTPS_PROXY and HF_ENDPOINT; with HF_HUB_OFFLINE=1 what is in the cache is used.',
    TELL,
  ),
  hub_refused: surroundings(
    502,
    false,
    'The model hub does not answer as one',
    'Check HF_ENDPOINT, and whether a proxy answers in its place.',
    TELL,
  ),
  result_invalid: engine(
    500,
    false,
    'The network gave numbers that are no picture',
    'Try another seed or fewer steps; if it stays, check the model files.',
    'Try another seed or fewer steps; if it stays, tell whoever runs the service.',
  ),
  out_of_memory: engine(
    503,
    true,
    'Memory ran out',
    'Ask for a smaller result, as with --preset draft, or free memory.',
    'Ask for a smaller result, as with preset draft, or try again later.',
  ),
  engine_failed: engine(
    500,
    true,
    'The engine could not do its work',
    'Try again; if it stays, report it with the details given.',
    LATER,
  ),
  engine_crashed: engine(
    503,
    true,
    'The engine process ended unexpectedly',
    'Try again: a fresh engine is started. If it stays, check memory.',
    LATER,
  ),
  engine_protocol: engine(
    503,
    true,
    'The engine process answered nonsense',
    'Try again: a fresh engine is started.',
    LATER,
  ),
  engine_silent: engine(
    503,
    true,
    'The engine process stopped answering',
    'Try again: a fresh engine is started. A slow machine may need a longer silence limit.',
    LATER,
  ),
  device_unavailable: surroundings(
    503,
    true,
    'The device cannot be used',
    'Run `qwen-edit doctor` on that machine: it lists every card, and what keeps each from being used. docs/gpu.md says what each needs.',
    LATER,
  ),
  device_lost: engine(
    503,
    true,
    'The device was lost in the middle of its work',
    'Try again: a fresh engine is started. If it stays, read the messages of the driver, update it, and check the card’s heat and power.',
    LATER,
  ),
  device_drift: surroundings(
    503,
    true,
    'The device computes wrong numbers',
    'Run `qwen-edit doctor` on that machine. Check its memory and cooling and run `npm ci` again; if it stays, use another machine.',
    LATER,
  ),
  engine_closed: surroundings(503, false, 'The pipeline was closed', 'Create a new pipeline.', LATER),
  snapshot_invalid: request(400, false, 'The snapshot does not fit this edit', 'Start the edit from its first step.'),
  canceled: request(499, false, 'The edit was cancelled', 'Nothing to do.'),
  output_unwritable: surroundings(
    500,
    false,
    'The result cannot be written',
    'Check that the folder exists and may be written.',
    TELL,
  ),
  disk_full: surroundings(507, true, 'The disk is full', 'Free some space and try again.', LATER),
  unauthorized: request(
    401,
    false,
    'An API key is needed',
    'Send `Authorization: Bearer KEY`; `qwen-edit keys create` makes one.',
    'Send `Authorization: Bearer KEY` with a key that whoever runs the service gave you.',
  ),
  forbidden: request(403, false, 'The API key may not do this', 'Use a key that has the named scope.'),
  origin_refused: request(
    403,
    false,
    'The request comes from a foreign page',
    'Call the API from its own page, from a program, or with an API key.',
  ),
  host_refused: request(
    421,
    false,
    'The service does not answer to this host name',
    'Add the name to QWEN_EDIT_ALLOWED_HOSTS, or set QWEN_EDIT_PUBLIC_URL; or call the service by its IP address or by localhost.',
    'Call the service by its IP address, by localhost, or by the name that whoever runs it has configured.',
  ),
  not_found: request(
    404,
    false,
    'There is no such thing',
    'Check the address and the id; what belongs to another owner counts as absent.',
  ),
  method_not_allowed: request(
    405,
    false,
    'The address does not take this method',
    'Use a method that the Allow header names.',
  ),
  request_malformed: request(400, false, 'The request cannot be read', 'Send well-formed JSON or multipart/form-data.'),
  media_type_unsupported: request(
    415,
    false,
    'The content type is not taken here',
    'Send application/json or multipart/form-data, without a content encoding.',
  ),
  request_too_large: request(
    413,
    false,
    'The request is too large',
    'Send fewer or smaller parts, or upload pictures by POST /v1/uploads.',
  ),
  headers_too_large: request(
    431,
    false,
    'The headers of the request are too large',
    'Send fewer or shorter headers and cookies.',
  ),
  expectation_failed: request(
    417,
    false,
    'The expectation cannot be met',
    'Send the request without an Expect header.',
  ),
  method_unknown: request(501, false, 'The method is not known', 'Use GET, HEAD, POST, PUT or DELETE.'),
  request_timeout: request(408, true, 'The request took too long to arrive', 'Send it again over a faster connection.'),
  range_not_satisfiable: request(
    416,
    false,
    'The range lies outside the file',
    'Ask for a range within the size that Content-Range names.',
  ),
  job_state: request(
    409,
    false,
    'The job is in another state than this needs',
    'Read the job; cancel it first where it still runs.',
  ),
  idempotency_mismatch: request(
    422,
    false,
    'This Idempotency-Key was used for another request',
    'Use a new key for a new request, or repeat the first one unchanged.',
  ),
  idempotency_in_flight: request(
    409,
    true,
    'A request with this Idempotency-Key is being worked on',
    'Repeat the request after the time in Retry-After.',
  ),
  too_many_attempts: request(
    429,
    true,
    'Too many wrong keys',
    'Wait for the time in Retry-After, then send a key that is right.',
  ),
  quota_exceeded: request(
    429,
    true,
    'Too much is stored that no job uses',
    'Submit the edits that need the stored pictures, or wait until what is unused is deleted; QWEN_EDIT_MAX_UNUSED_BYTES sets the limit.',
    'Submit the edits that need what you have uploaded, or wait: what no job uses is deleted after a day.',
  ),
  queue_full: service(429, true, 'The queue is full', 'Repeat the request after the time in Retry-After.'),
  url_refused: request(
    400,
    false,
    'The address may not be called',
    'Use an http or https address of a public host; QWEN_EDIT_ALLOW_PRIVATE_URLS=1 also allows private ones.',
    'Use an http or https address of a public host.',
  ),
  url_unreachable: request(
    422,
    true,
    'The address could not be fetched',
    'Check that the address answers from where the service runs.',
  ),
  url_too_large: request(413, false, 'What the address answers is too large', 'Name a smaller file.'),
  signature_invalid: request(
    403,
    false,
    'The signature of the address is wrong or has expired',
    'Ask the API for a fresh address.',
  ),
  upload_incomplete: request(409, true, 'The upload has no content yet', 'PUT the file to the upload address first.'),
  input_missing: service(500, false, 'A stored picture is gone', 'Submit the edit again with its pictures.'),
  input_damaged: service(
    500,
    true,
    'A stored picture has changed in the storage',
    'Submit the edit again with its pictures.',
  ),
  worker_lost: service(
    503,
    true,
    'The worker was lost each time the job was tried',
    'Submit the edit again; if it stays, check the workers’ memory and logs.',
    'Submit the edit again; if it stays, tell whoever runs the service.',
  ),
  poison: service(
    500,
    false,
    'No worker could take the job',
    'Check the workers’ logs; submit the edit again.',
    'Submit the edit again; if it stays, tell whoever runs the service.',
  ),
  expired: service(504, true, 'The deadline of the job has passed', 'Submit the edit again with a later deadline.'),
  database_unavailable: surroundings(
    503,
    true,
    'The database cannot be reached',
    'Try again soon; if it stays, check DATABASE_URL and the server.',
    LATER,
  ),
  database_refused: surroundings(
    503,
    true,
    'The database does not let the service in',
    'Check DATABASE_URL and the settings of the server.',
    LATER,
  ),
  storage_unavailable: surroundings(
    503,
    true,
    'The object storage cannot be used',
    'Try again soon; if it stays, check STORAGE_URL and its rights.',
    LATER,
  ),
  queue_unavailable: surroundings(
    503,
    true,
    'The queue cannot be used',
    'Try again soon; if it stays, check QUEUE_URL and its rights.',
    LATER,
  ),
  migration_needed: surroundings(
    503,
    false,
    'The database has another schema than this version needs',
    'Run `qwen-edit migrate` of the newest version that uses this database.',
    TELL,
  ),
  data_dir_locked: surroundings(
    409,
    false,
    'Another process uses this data folder',
    'Stop it, or set QWEN_EDIT_DATA_DIR to another folder.',
    TELL,
  ),
  embedded_database_failed: surroundings(
    500,
    false,
    'The embedded database does not start',
    'Read postgres.log in the data folder, or set DATABASE_URL to a PostgreSQL server.',
    TELL,
  ),
  port_in_use: surroundings(
    409,
    false,
    'The port is taken',
    'Set PORT to a free one, or stop what listens there.',
    TELL,
  ),
  not_ready: service(503, true, 'The service is not ready', 'Try again soon.'),
  service_unreachable: service(
    503,
    true,
    'The service does not answer',
    'Start it with `qwen-edit serve`, or set QWEN_EDIT_URL.',
    LATER,
  ),
  answer_unreadable: service(
    502,
    false,
    'The answer cannot be read',
    'Check that the address is that of a qwen-edit service of about the same version.',
    TELL,
  ),
  internal: service(
    500,
    false,
    'Something unforeseen went wrong',
    'Report this error with its details.',
    'Tell whoever runs the service, with the request_id or the id of the job.',
  ),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  /** Replaces the table's hint if the place knows better. */
  readonly hint?: string;
  /** When to try again, if the place knows that. */
  readonly retryAfterSeconds?: number | undefined;
  /** The request of the API that failed, by the id which the service's log has. */
  readonly requestId?: string | undefined;
  /** Replaces what the table has callers told to do. */
  readonly callerHint?: string | undefined;
  /** True if the change may have been made all the same: the answer to its COMMIT was lost. */
  readonly outcomeUnknown?: boolean;
  /** The job that the request may have made. */
  readonly jobId?: string | undefined;
  /** What is wrong with which field of a request. */
  readonly errors?: readonly FieldError[] | undefined;
  readonly cause?: unknown;
}

/** The only error that may reach a user: a code from the closed union, what happened, and what to do. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryAfterSeconds: number | undefined;
  readonly requestId: string | undefined;
  readonly callerHint: string | undefined;
  readonly outcomeUnknown: boolean;
  readonly jobId: string | undefined;
  readonly errors: readonly FieldError[];

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.requestId = options.requestId;
    this.callerHint = options.callerHint;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
    this.jobId = options.jobId;
    this.errors = options.errors ?? [];
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
