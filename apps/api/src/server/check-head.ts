import { type IncomingMessage, METHODS } from 'node:http';
import { AppError } from '@qwen-edit/contract';

/**
 * Headers that say where a request goes, who sends it and what it is. node:http keeps the first or the last of several, a proxy
 * before us perhaps the other one: then the two would see different requests.
 */
const ONCE = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'expect'],
  ...['authorization', 'x-api-key', 'origin', 'idempotency-key'],
]);

/** The most bytes that the headers of a request may have together. */
export const MAX_HEADER_BYTES = 16_384;

/** What is wrong with the head of a request that node:http's parser let through. Source: RFC 9112, sections 2.3, 3.2 and 6.1. */
export function headErrorOf({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): AppError | undefined {
  if (httpVersionMajor !== 1) return malformed('The service speaks HTTP/1.1 and HTTP/1.0.');
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    if (ONCE.has(name) && seen.has(name)) return malformed(`The header ${name} comes more than once.`);
    seen.add(name);
  }
  if (httpVersionMinor > 0 && !seen.has('host')) return malformed('The Host header is missing.');
  if (httpVersionMinor === 0 && seen.has('transfer-encoding')) return malformed('HTTP/1.0 has no Transfer-Encoding.');
  return undefined;
}

/** The line with which a request begins. Source: RFC 9112, section 3; RFC 9110, section 5.6.2. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~\dA-Za-z-]{1,40}) [^ ]{1,1000} HTTP\/1\.[01]\r\n/;

/** What a caller is told of a request that node:http's parser refused, or that did not arrive in time. */
export function parseErrorOf(error: Error): AppError {
  switch ('code' in error ? error.code : undefined) {
    case 'HPE_HEADER_OVERFLOW':
      return new AppError('headers_too_large', `The headers have more than ${MAX_HEADER_BYTES} bytes.`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new AppError('request_too_large', 'The chunks of the body carry too many extensions.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('request_timeout', 'The request took too long to arrive.');
    case 'HPE_INVALID_METHOD':
      return namesUnknownMethod(error) ? methodUnknown() : malformed('The request is not well-formed HTTP.');
    default:
      return malformed('The request is not well-formed HTTP.');
  }
}

/** False for what follows a request on its connection, such as the rest of a body that is longer than was said. */
function namesUnknownMethod(error: Error): boolean {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  if (!(packet instanceof Uint8Array)) return false;
  const [, method] = REQUEST_LINE.exec(Buffer.from(packet.subarray(0, 1100)).toString('latin1')) ?? [];
  return method !== undefined && !METHODS.includes(method);
}

export function methodUnknown(): AppError {
  return new AppError('method_unknown', 'The service knows no such method.');
}

function malformed(message: string): AppError {
  return new AppError('request_malformed', message, { hint: 'Send a well-formed request of HTTP/1.1.' });
}
