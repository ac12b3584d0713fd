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

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  UND_ERR_SOCKET: 'the connection was closed early',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  ETIMEDOUT: 'no connection came about in time',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
};

/** Turns an error of a connection into an AppError. The system's text is left out, because it may name internal addresses. */
export function toNetError(thrown: unknown, url: URL): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'UND_ERR_INVALID_ARG') return new AppError('internal', 'The request is malformed.', { cause: thrown });
  return unreachable(url, REASONS[code] ?? `the connection failed (${code === '' ? 'no code' : code})`, thrown);
}
