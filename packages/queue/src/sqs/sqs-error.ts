import { AppError } from '@qwen-edit/contract';

const MISSING = /QueueDoesNotExist|NonExistentQueue|QueueDeletedRecently|InvalidAddress/;
const RIGHTS =
  /AccessDenied|NotAuthorized|SignatureDoesNotMatch|InvalidClientTokenId|UnrecognizedClient|InvalidSecurity|ExpiredToken/;
const CREDENTIALS = /CredentialsProviderError|TokenProviderError/;
const STALE = /ReceiptHandleIsInvalid|MessageNotInflight/;
const OVER = /receipt ?handle|Total VisibilityTimeout/i;

/** True if the receipt is void: the message was deleted, or is visible again or will be soon. */
export function isStale(thrown: unknown): boolean {
  const name = nameOf(thrown);
  return STALE.test(name) || (name.includes('InvalidParameterValue') && OVER.test(textOf(thrown)));
}

/** Why SQS refused a request or one message of it. */
export interface SqsFailure {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/** True if the queue does not support groups, as standard queues of LocalStack 4.4 do not. */
export function refusesGroups({ code = '', message = '' }: SqsFailure): boolean {
  return /InvalidParameterValue|UnsupportedOperation/.test(code) && message.includes('MessageGroupId');
}

/** Turns what the SDK throws into `queue_unavailable`. `setting` is the variable that names the queue, for the hint. */
export function toSqsError(thrown: unknown, setting: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const name = nameOf(thrown);
  const [message, hint] = explain(name, textOf(thrown), setting);
  return new AppError('queue_unavailable', message, { hint, cause: thrown });
}

function explain(name: string, text: string, setting: string): [message: string, hint: string] {
  if (MISSING.test(name)) {
    return ['The SQS queue does not exist.', `Create the queue, or correct ${setting} and AWS_REGION.`];
  }
  if (RIGHTS.test(name)) {
    return [
      `SQS refuses these credentials (${name}).`,
      'Allow sqs:SendMessage, sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes.',
    ];
  }
  if (CREDENTIALS.test(name)) {
    return [
      'There are no credentials for SQS.',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role.',
    ];
  }
  if (text === 'Region is missing') return ['The region of the SQS queue is unknown.', 'Set AWS_REGION.'];
  return [
    `SQS cannot be used (${name === 'Error' ? text : name}).`,
    `Try again soon; if it stays, check ${setting}, AWS_ENDPOINT_URL_SQS and the network.`,
  ];
}

/** The name of the exception, or the code of the system if it came from the network. */
export function nameOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.name === 'Error' && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name;
}

/** The message of an error. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
