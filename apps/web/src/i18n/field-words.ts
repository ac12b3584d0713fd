import { FIELD_ERROR_CODES, type FieldError, type FieldErrorCode } from '@qwen-edit/contract';

/** What is wrong with a field, as the end of a sentence that begins with its name. `p`: the parameters, as texts. */
export type FieldRules = Readonly<Record<FieldErrorCode, (p: Readonly<Record<string, string>>) => string>>;

export const fieldRulesEn: FieldRules = {
  required: () => 'is missing.',
  wrong_type: (p) => `must be ${p.expected}.`,
  too_small: (p) => `must be at least ${p.min}.`,
  too_large: (p) => `must be at most ${p.max}.`,
  too_short: (p) => `must have at least ${p.min} characters.`,
  too_long: (p) => `must have at most ${p.max} characters.`,
  too_few: (p) => `must have at least ${p.min}.`,
  too_many: (p) => `must have at most ${p.max}.`,
  wrong_format: () => 'has not the form that is needed.',
  not_one_of: (p) => `must be one of: ${p.choices}.`,
  unknown_field: (p) => (p.suggestion === '' ? 'is not known.' : `is not known. Did you mean ${p.suggestion}?`),
  duplicate: () => 'is given more than once.',
  conflict: (p) => `and ${p.other} say different things.`,
  invalid: () => 'is not valid.',
};

export const fieldRulesZh: FieldRules = {
  required: () => '缺失。',
  wrong_type: (p) => `应为${p.expected}。`,
  too_small: (p) => `不能小于 ${p.min}。`,
  too_large: (p) => `不能大于 ${p.max}。`,
  too_short: (p) => `至少需要 ${p.min} 个字符。`,
  too_long: (p) => `最多 ${p.max} 个字符。`,
  too_few: (p) => `至少需要 ${p.min} 个。`,
  too_many: (p) => `最多 ${p.max} 个。`,
  wrong_format: () => '格式不正确。',
  not_one_of: (p) => `只能是：${p.choices}。`,
  unknown_field: (p) => (p.suggestion === '' ? '是未知的名称。' : `是未知的名称，是否想用 ${p.suggestion}？`),
  duplicate: () => '出现了不止一次。',
  conflict: (p) => `与 ${p.other} 的值不一致。`,
  invalid: () => '的值不正确。',
};

/** The types of fields, by what the service calls them. */
export const fieldTypesEn: Readonly<Record<string, string>> = {
  text: 'a text',
  number: 'a number',
  whole_number: 'a whole number',
  boolean: 'true or false',
  list: 'a list',
  object: 'an object',
  other: 'something else',
};

export const fieldTypesZh: typeof fieldTypesEn = {
  text: '文字',
  number: '数字',
  whole_number: '整数',
  boolean: '真或假',
  list: '列表',
  object: '对象',
  other: '其他类型',
};

export interface FieldWords {
  readonly rules: FieldRules;
  readonly types: Readonly<Record<string, string>>;
  /** Between the entries of a list. */
  readonly comma: string;
  /** Names of the fields that are no settings. */
  readonly prompt: string;
  readonly images: string;
}

/** Codes whose words need the service's own sentence beside them to tell what is wrong. */
const VAGUE: ReadonlySet<string> = new Set<FieldErrorCode>(['invalid', 'wrong_format']);

const isKnown = (code: string): code is FieldErrorCode => FIELD_ERROR_CODES.some((each) => each === code);

/**
 * A field's error in the reader's language, after the label that the page has for the field. undefined for a code of a later
 * service, and for one that says too little.
 */
export function fieldSentence(error: FieldError, words: FieldWords, label: string): string | undefined {
  const { code, parameters } = error;
  if (!isKnown(code) || VAGUE.has(code)) return undefined;
  const { expected, choices, suggestion = '', ...rest } = parameters;
  const texts = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]));
  const type = words.types[String(expected)] ?? words.types.other ?? '';
  const list = Array.isArray(choices) ? choices.map(String).join(words.comma) : '';
  return `${label} ${words.rules[code]({ ...texts, expected: type, choices: list, suggestion: String(suggestion) })}`;
}
