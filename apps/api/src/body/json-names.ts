import { AppError, fieldError } from '@qwen-edit/contract';
import { GIVEN_TWICE } from './form-values.ts';

/** Levels of objects and lists. No request needs more than a few. */
const MAX_DEPTH = 64;
const LONGEST_PATH = 200;

/** An object or a list that is open at some place of the text. */
interface Level {
  /** Names of an object so far; undefined for a list. */
  readonly names: Set<string> | undefined;
  /** The name or the index of the value that comes next. */
  at: string | number;
  /** True if the next string is a name. */
  awaitsName: boolean;
}

/**
 * Goes through a well-formed JSON text once, in time that grows with its length. Throws AppError `invalid_parameter` for a name that
 * an object has twice, of which JSON.parse would silently keep the last, and for `__proto__`, which could change an object's
 * prototype; `request_malformed` for a text that is nested too deeply.
 */
export function checkJsonNames(text: string, what: string): void {
  const levels: Level[] = [];
  for (let i = 0; i < text.length; i++) {
    const level = levels.at(-1);
    switch (text.charCodeAt(i)) {
      case 0x22: {
        const end = endOfString(text, i);
        if (level?.awaitsName === true) takeName(levels, level, text.slice(i, end + 1));
        i = end;
        break;
      }
      case 0x7b: // {
      case 0x5b: // [
        if (levels.length === MAX_DEPTH) throw new AppError('request_malformed', `${what} is nested too deeply.`);
        levels.push(
          text[i] === '{'
            ? { names: new Set(), at: '', awaitsName: true }
            : { names: undefined, at: 0, awaitsName: false },
        );
        break;
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop();
        break;
      case 0x2c: // ,
        if (level === undefined) break;
        level.awaitsName = level.names !== undefined;
        if (typeof level.at === 'number') level.at++;
    }
  }
}

/** The place of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
  return text.length;
}

function takeName(levels: readonly Level[], level: Level, quoted: string): void {
  const name = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  level.at = name;
  level.awaitsName = false;
  const path = (): string =>
    levels
      .map(({ at }) => at)
      .join('.')
      .slice(0, LONGEST_PATH);
  if (name === '__proto__') throw fieldError(path(), { code: 'unknown_field', rule: 'is not a known field' });
  if (level.names?.has(name) === true) throw fieldError(path(), GIVEN_TWICE);
  level.names?.add(name);
}
