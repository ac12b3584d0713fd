import { AppError, NUMBER_NAMES, PARAMETER_NAMES, parameterFacts } from '@qwen-edit/contract';

/** Parameters that are numbers in JSON, and texts such as `40` in a form or a query. `steps` is short for one of them. */
const NUMBERS: ReadonlySet<string> = new Set([...NUMBER_NAMES, 'steps']);
/** Fields that count as left out if they are empty: a page's form sends every field. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  ...PARAMETER_NAMES.filter((name) => parameterFacts(name).kind !== 'text'),
  ...['steps', 'deadline', 'webhook_url', 'webhook_secret'],
]);
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Adds texts of a form or a query to `fields`, as the JSON values that they mean. A text that is not a number stays a
 * text, so that the schema refuses it. Throws AppError `invalid_parameter` for a field that comes twice.
 */
export function addFlatFields(fields: Map<string, unknown>, flat: Iterable<readonly [string, string]>): void {
  for (const [name, text] of flat) {
    if (text === '' && MAY_BE_EMPTY.has(name)) continue;
    addField(fields, name, NUMBERS.has(name) ? numberOf(text) : text);
  }
}

/** Adds a field. Throws AppError `invalid_parameter` for a field that comes twice. */
export function addField(fields: Map<string, unknown>, name: string, value: unknown): void {
  if (fields.has(name)) throw new AppError('invalid_parameter', `${name} is given more than once.`);
  fields.set(name, value);
}

function numberOf(text: string): unknown {
  const trimmed = text.trim();
  return DECIMAL.test(trimmed) ? Number(trimmed) : text;
}

/** The members of a JSON object. Throws AppError `invalid_parameter` for anything else. */
export function membersOf(value: unknown, what: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('invalid_parameter', `${what} must be a JSON object.`);
  }
  return Object.entries(value);
}
