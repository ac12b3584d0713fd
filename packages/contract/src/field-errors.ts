import { z } from 'zod';
import { AppError, type AppErrorOptions } from './errors.ts';
import { didYouMean, nearestOf } from './nearest.ts';

/** What may be wrong with a field of a request. Later versions may know more. */
export const FIELD_ERROR_CODES = [
  'required',
  'wrong_type',
  'too_small',
  'too_large',
  'too_short',
  'too_long',
  'too_few',
  'too_many',
  'wrong_format',
  'not_one_of',
  'unknown_field',
  'duplicate',
  'conflict',
  'invalid',
] as const;
export type FieldErrorCode = (typeof FIELD_ERROR_CODES)[number];

/**
 * One thing that is wrong with one field, so that a client can say it in its own words. `path` is as in JSON, with dots: `images.0.url`.
 * `parameters` has what the words need: `min`, `max`, `expected`, `choices`, `suggestion`. `message` is a sentence in English.
 */
export const fieldErrorSchema = z.object({
  path: z.string(),
  code: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  message: z.string(),
});
export type FieldError = Readonly<z.output<typeof fieldErrorSchema>>;

/** What was found before the field's path is put in front of it. */
interface Finding {
  readonly code: FieldErrorCode;
  /** What the value has to be, as the end of a sentence: `must be at most 100`. */
  readonly rule: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

const LONGEST_NAME = 100;

/**
 * An error of one field, as AppError `invalid_parameter`.
 *
 * @example
 * throw fieldError('deadline', { code: 'invalid', rule: 'lies in the past' });
 */
export function fieldError(path: string, finding: Finding, options: AppErrorOptions = {}): AppError {
  return invalidFields([told(path, finding, 'The body')], options);
}

/** The error of a name that is no field, with the name that was most likely meant. */
export function unknownField(path: string, known: Iterable<string>, meant?: string): AppError {
  return invalidFields([told(path, unknownName(path, known, meant))]);
}

/**
 * The value as the schema takes it. Throws AppError `invalid_parameter` with all that is wrong with it; the message names the first.
 * This is the one place where what zod finds becomes words: a schema's own words come first, zod's are never used.
 */
export function parseFields<S extends z.ZodType>(schema: S, value: unknown, what = 'The body'): z.output<S> {
  const parsed = schema.safeParse(value, PARSING);
  if (parsed.success) return parsed.data;
  throw invalidFields(fieldErrorsOf(parsed.error, what, schema));
}

/** For schemas whose errors are told in another way: has zod use these words where a schema has none of its own. */
export const PARSING: z.core.ParseContext<z.core.$ZodIssue> = {
  error: (issue) => findingOf(issue).rule,
  reportInput: true,
};

/** All that a schema found, for values that were parsed with PARSING. `what`: the whole value, for words. */
export function fieldErrorsOf(error: z.ZodError, what: string, schema?: z.ZodType): FieldError[] {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const whole = [...path, key].join('.');
        return told(whole, unknownName(whole, path.length === 0 ? known : []));
      });
    const finding = findingOf(issue);
    const missing = finding.code === 'required';
    return [told(path.join('.'), missing ? finding : { ...finding, rule: issue.message }, what)];
  });
}

function invalidFields(errors: readonly FieldError[], options: AppErrorOptions = {}): AppError {
  const message = errors[0]?.message ?? 'The request is not valid.';
  return new AppError('invalid_parameter', message, { ...options, errors });
}

function told(path: string, { code, rule, parameters = {} }: Finding, what = 'The value'): FieldError {
  // Rules of a few schemas are whole sentences.
  const sentence = path === '' ? `${what} ${rule}` : /^[A-Z]/.test(rule) ? `${path}: ${rule}` : `${path} ${rule}`;
  return { path, code, parameters, message: /[.?]$/.test(sentence) ? sentence : `${sentence}.` };
}

function unknownName(path: string, known: Iterable<string>, meant?: string): Finding {
  const name = path.slice(0, LONGEST_NAME);
  const suggestion = meant ?? nearestOf(name, known);
  return {
    code: 'unknown_field',
    rule: `is not a known field.${didYouMean(suggestion === undefined ? undefined : `\`${suggestion}\``)}`,
    parameters: suggestion === undefined ? {} : { suggestion },
  };
}

const TYPES: Readonly<Record<string, readonly [string, string]>> = {
  string: ['text', 'a text'],
  number: ['number', 'a number'],
  int: ['whole_number', 'a whole number'],
  boolean: ['boolean', 'true or false'],
  array: ['list', 'a list'],
  object: ['object', 'an object'],
  record: ['object', 'an object'],
  null: ['null', 'null'],
};

/** What an issue of zod says, in our words. */
function findingOf(issue: z.core.$ZodIssue | z.core.$ZodRawIssue): Finding {
  const { code, input } = issue;
  if (input === undefined && (code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union'))
    return { code: 'required', rule: 'is missing' };
  switch (issue.code) {
    case 'invalid_type': {
      const [expected, words] = TYPES[String(issue.expected)] ?? ['other', 'of another kind'];
      return { code: 'wrong_type', rule: `must be ${words}`, parameters: { expected } };
    }
    case 'too_small':
      return boundOf(issue.origin, Number(issue.minimum), issue.inclusive !== false, 'least');
    case 'too_big':
      return boundOf(issue.origin, Number(issue.maximum), issue.inclusive !== false, 'most');
    case 'invalid_format':
      return { code: 'wrong_format', rule: 'has not the form that is needed', parameters: { format: issue.format } };
    case 'invalid_value': {
      const choices = issue.values?.map(String) ?? [];
      const rule = choices.length === 1 ? `must be ${choices[0]}` : `must be one of: ${choices.join(', ')}`;
      return { code: 'not_one_of', rule, parameters: { choices } };
    }
    case 'not_multiple_of':
      return {
        code: 'invalid',
        rule: `must be a multiple of ${issue.divisor}`,
        parameters: { multiple: Number(issue.divisor) },
      };
    case 'unrecognized_keys':
      return {
        code: 'unknown_field',
        rule: `must not have the field ${String(issue.keys?.[0]).slice(0, LONGEST_NAME)}`,
      };
    case 'invalid_key': {
      const inner = issue.issues?.[0];
      const finding = inner === undefined ? undefined : findingOf(inner);
      return { ...(finding ?? { code: 'invalid' }), rule: `has a name that ${finding?.rule ?? 'is not allowed'}` };
    }
    case 'invalid_element': {
      const inner = issue.issues?.[0];
      return inner === undefined ? { code: 'invalid', rule: 'is not valid' } : findingOf(inner);
    }
    case 'invalid_union':
      return { code: 'invalid', rule: 'has none of the forms that are taken' };
    default:
      return { code: 'invalid', rule: 'is not valid' };
  }
}

/** A bound of a number, of a text's length, or of how many entries there may be. */
function boundOf(origin: string | undefined, bound: number, inclusive: boolean, which: 'least' | 'most'): Finding {
  const small = which === 'least';
  const parameters = small ? { min: bound } : { max: bound };
  if (origin === 'string')
    return { code: small ? 'too_short' : 'too_long', rule: `must have at ${which} ${bound} characters`, parameters };
  if (origin === 'array' || origin === 'set' || origin === 'map' || origin === 'object' || origin === 'record')
    return { code: small ? 'too_few' : 'too_many', rule: `must have at ${which} ${bound} entries`, parameters };
  const words = inclusive ? `at ${which}` : small ? 'more than' : 'less than';
  return { code: small ? 'too_small' : 'too_large', rule: `must be ${words} ${bound}`, parameters };
}
