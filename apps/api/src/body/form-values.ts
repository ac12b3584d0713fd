import { isDeepStrictEqual } from 'node:util';
import { fieldError, NUMBER_NAMES, PARAMETER_NAMES, parameterFacts } from '@qwen-edit/contract';
import { ALIASES, nameOfAlias } from './field-names.ts';
import { parseJson } from './read-json.ts';

/** Parameters that are numbers in JSON, and texts such as `40` in a form or a query. */
const NUMBERS: ReadonlySet<string> = new Set(NUMBER_NAMES);
/** Fields that count as left out if they are empty: a page's form sends every field. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  ...PARAMETER_NAMES.filter((name) => parameterFacts(name).kind !== 'text'),
  ...['deadline', 'webhook_url', 'webhook_secret'],
]);
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

export const GIVEN_TWICE = { code: 'duplicate', rule: 'is given more than once' } as const;

/** Lists, whose elements may come one by one. */
const LISTS: ReadonlySet<string> = new Set(PARAMETER_NAMES.filter((name) => parameterFacts(name).kind === 'loras'));

/**
 * Adds texts of a form or a query to `fields`, as the JSON values that they mean. A text that is not a number stays a
 * text, so that the schema refuses it. Throws AppError `invalid_parameter` for a field that comes twice and is no list.
 */
export function addFlatFields(fields: Map<string, unknown>, flat: Iterable<readonly [string, string]>): void {
  const lists = new Map<string, readonly unknown[]>();
  for (const [name, text] of flat) {
    const whole = nameOfAlias(name);
    if (text === '' && MAY_BE_EMPTY.has(whole)) continue;
    if (LISTS.has(name)) lists.set(name, [...(lists.get(name) ?? []), ...elementsOf(text, name)]);
    else addField(fields, name, NUMBERS.has(whole) ? numberOf(text) : text);
  }
  for (const [name, elements] of lists) addField(fields, name, elements);
}

/** A list, or one of its elements, as JSON; or texts with commas between them. */
function elementsOf(text: string, name: string): readonly unknown[] {
  if (!/^\s*[[{]/.test(text)) return text.split(',').filter((part) => part.trim() !== '');
  const value = parseJson(text, name);
  return Array.isArray(value) ? value : [value];
}

/** Adds a field. Throws AppError `invalid_parameter` for a field that comes twice. */
export function addField(fields: Map<string, unknown>, name: string, value: unknown): void {
  if (fields.has(name)) throw fieldError(name.slice(0, 100), GIVEN_TWICE);
  fields.set(name, value);
}

/**
 * The fields under their own names. Both a name and its alias may be given if they say the same. Throws AppError
 * `invalid_parameter` if they do not.
 */
export function withoutAliases(fields: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const all = new Map(fields);
  for (const [alias, name] of ALIASES) {
    if (!all.has(alias)) continue;
    all.set(name, oneOfTwo(all, alias, name));
    all.delete(alias);
  }
  return all;
}

/** The value of a field that has two names. Throws AppError `invalid_parameter` if the two say different things. */
export function oneOfTwo(fields: ReadonlyMap<string, unknown>, alias: string, name: string): unknown {
  if (!fields.has(alias)) return fields.get(name);
  if (fields.has(name) && !isDeepStrictEqual(fields.get(alias), fields.get(name))) {
    const rule = `and ${alias} are two names of one field, and say different things`;
    throw fieldError(name, { code: 'conflict', rule, parameters: { other: alias } });
  }
  return fields.get(alias);
}

function numberOf(text: string): unknown {
  const trimmed = text.trim();
  return DECIMAL.test(trimmed) ? Number(trimmed) : text;
}

/** The members of a JSON object. Throws AppError `invalid_parameter` for anything else. */
export function membersOf(value: unknown, what: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError(what === 'The body' ? '' : what, {
      code: 'wrong_type',
      rule: 'must be a JSON object',
      parameters: { expected: 'object' },
    });
  }
  return Object.entries(value);
}
