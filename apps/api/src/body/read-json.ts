import { AppError } from '@qwen-edit/contract';
import { checkJsonNames } from './json-names.ts';

/** More than any real request has. Parsing millions of members would block the process. */
const MAX_MARKS = 100_000;

/** Parses a JSON text. Throws AppError `request_malformed`, and `invalid_parameter` for names that checkJsonNames refuses. */
export function parseJson(text: string, what = 'The body'): unknown {
  if (',[{'.split('').some((mark) => occursTooOften(text, mark))) {
    throw new AppError('request_malformed', `${what} has too many members.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('request_malformed', `${what} is not well-formed JSON.`, { cause });
  }
  checkJsonNames(text, what);
  return value;
}

function occursTooOften(text: string, mark: string): boolean {
  let at = text.indexOf(mark);
  for (let count = 1; at !== -1; count++) {
    if (count > MAX_MARKS) return true;
    at = text.indexOf(mark, at + 1);
  }
  return false;
}

/** Reads a JSON body. Throws AppError `request_malformed`, also if the body is not UTF-8. */
export async function readJsonBody(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
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
