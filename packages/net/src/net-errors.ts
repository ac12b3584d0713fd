import { AppError, hasMisplacedAt } from '@qwen-edit/contract';

/** The message contains neither path nor query, which may hold secrets: messages are kept in logs. */
export function unreachable(url: URL, why: string, cause?: unknown): AppError {
  return new AppError('url_unreachable', `${shownOrigin(url)} could not be fetched: ${why}.`, { cause });
}

export function responseTooLarge(url: URL, maxBytes: number): AppError {
  return new AppError('url_too_large', `${shownOrigin(url)} answers with more than ${maxBytes} bytes.`);
}

/** What stands as the host of an address with an @ behind it may be the beginning of a password. */
function shownOrigin(url: URL): string {
  return hasMisplacedAt(url.href) ? 'The address' : url.origin;
}

/** What is told of a call that has failed after a public address had answered to it. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset',
  UND_ERR_SOCKET: 'the connection was closed early',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
};
/** What is told of one that failed before, where calls of the inside are allowed. */
const NO_ANSWER: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be resolved now',
  ECONNREFUSED: 'the connection was refused',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  ETIMEDOUT: 'no connection came about in time',
};
/** Codes of the protocols above TCP, of which there are many. */
const OF_PROTOCOLS =
  /^(?:EPROTO$|ERR_SSL_|ERR_TLS_|CERT_|HPE_|Z_|ERR_(?:_ERROR|BROTLI)|UND_ERR_(?:HEADERS|BODY|RES|REQ))/;

/**
 * True if the error says that a public address has answered: what it says is then no secret of the inside. Any other may come
 * from a name that leads inside, or that only our own resolver knows.
 */
export function isFromOutside(thrown: unknown): boolean {
  if (thrown instanceof AppError) return true;
  const code = codeOf(thrown);
  return Object.hasOwn(REASONS, code) || OF_PROTOCOLS.test(code) || code === 'UND_ERR_INVALID_ARG';
}

/**
 * One error for all names that lead nowhere: to an inside address, to no address, or to one that nobody answers at. Whoever may
 * name addresses cannot learn from it which names exist inside. The cause, which the log has, says which it was.
 */
export function unreachableUnsaid(url: URL, cause: unknown): AppError {
  return unreachable(url, 'its name has no address on the public Internet, or nothing answers there', cause);
}

/** Turns an error of a connection into an AppError. The system's text is left out, because it may name internal addresses. */
export function toNetError(thrown: unknown, url: URL): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = codeOf(thrown);
  if (code === 'UND_ERR_INVALID_ARG') return new AppError('internal', 'The request is malformed.', { cause: thrown });
  return unreachable(
    url,
    REASONS[code] ?? NO_ANSWER[code] ?? `the connection failed (${code === '' ? 'no code' : code})`,
    thrown,
  );
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
