import { AppError } from '@qwen-edit/contract';

/**
 * Parses a JSON text. Throws AppError `request_malformed`; `invalid_parameter` for a member named `__proto__`, which could
 * become what it must not be.
 */
export function parseJson(text: string, what = 'The body'): unknown {
  try {
    return JSON.parse(text, refuseProto);
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    throw new AppError('request_malformed', `${what} is not well-formed JSON.`, { cause: thrown });
  }
}

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new AppError('invalid_parameter', '__proto__ is not a known field.');
  return value;
}

/** Reads a JSON body. Throws AppError `request_malformed`, also for what is not UTF-8. */
export async function readJson(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
    text += decoder.decode();
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new AppError('request_malformed', 'The body is not UTF-8.', { cause: thrown });
  }
  return parseJson(text);
}
