import { ERRORS, FIELD_ERROR_CODES, type FieldError } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { dictionaries } from './dictionaries.ts';
import { errorWords } from './error-words.ts';

/** What only a command can meet never reaches the page. */
const COMMAND_ONLY = new Set([
  'usage',
  'image_not_found',
  'snapshot_invalid',
  'engine_closed',
  'data_dir_locked',
  'data_dir_not_empty',
  'backup_damaged',
  'backup_too_new',
  'embedded_database_failed',
  'port_in_use',
  'output_unwritable',
  'method_not_allowed',
  'method_unknown',
  'expectation_failed',
  'media_type_unsupported',
  'range_not_satisfiable',
  'url_refused',
  'url_too_large',
  'signature_invalid',
  'upload_incomplete',
]);

it('every error that can reach the page is told in Chinese', () => {
  const untold = Object.keys(ERRORS).filter(
    (code) => !COMMAND_ONLY.has(code) && !(code in dictionaries.zh.errors.byCode),
  );
  expect(untold).toEqual([]);
});

it('no sentence of one language is left empty in the other', () => {
  const texts = (value: unknown, path: string): [string, string][] => {
    if (typeof value === 'string') return [[path, value]];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, each]) => texts(each, `${path}.${key}`));
  };
  for (const dictionary of Object.values(dictionaries)) {
    expect(texts(dictionary, '').filter(([, text]) => text.trim() === '')).toEqual([]);
  }
});

it('an unknown error is told in the service’s words, where the reader reads them', () => {
  const error = { code: 'new_code', title: 'A new thing', hint: 'Do this.', detail: 'It was so.' };
  expect(errorWords(error, dictionaries.en, 'en')).toEqual({
    title: 'A new thing',
    hint: 'Do this.',
    detail: 'It was so.',
    fields: [],
  });
  expect(errorWords(error, dictionaries.zh, 'zh').title).toBe('没有成功');
});

it('a detail that only repeats the title is left out', () => {
  const { title } = ERRORS.storage_unavailable;
  const error = { code: 'storage_unavailable', title, detail: `${title}.` };
  expect(errorWords(error, dictionaries.en, 'en').detail).toBeUndefined();
});

describe('what is wrong with fields is told in the reader’s language', () => {
  const errors: FieldError[] = [
    { path: 'num_inference_steps', code: 'too_large', parameters: { max: 100 }, message: 'x' },
    { path: 'imagess', code: 'unknown_field', parameters: { suggestion: 'images' }, message: 'x' },
    { path: 'output_format', code: 'not_one_of', parameters: { choices: ['png', 'webp'] }, message: 'x' },
    { path: 'width', code: 'wrong_type', parameters: { expected: 'whole_number' }, message: 'x' },
  ];
  const error = { code: 'invalid_parameter', title: 'x', hint: 'y', detail: 'num_inference_steps must be …', errors };

  it.each([
    [
      'en',
      [
        'Steps must be at most 100.',
        'imagess is not known. Did you mean images?',
        'File format must be one of: png, webp.',
        'Width must be a whole number.',
      ],
    ],
    [
      'zh',
      [
        '步数（Steps） 不能大于 100。',
        'imagess 是未知的名称，是否想用 images？',
        '文件格式 只能是：png、webp。',
        '宽 应为整数。',
      ],
    ],
  ] as const)('%s', (language, fields) => {
    expect(errorWords(error, dictionaries[language], language)).toMatchObject({ fields, detail: undefined });
  });

  it('or in the service’s words, if one of them is new or needs them', () => {
    for (const code of ['new_code', 'invalid']) {
      const later = [...errors, { path: 'x', code, parameters: {}, message: 'x' }];
      expect(errorWords({ ...error, errors: later }, dictionaries.zh, 'zh')).toMatchObject({
        fields: [],
        detail: error.detail,
      });
    }
  });

  it('no code is without words, with whatever parameters', () => {
    for (const { errors: words } of Object.values(dictionaries)) {
      for (const code of FIELD_ERROR_CODES) {
        const parameters = { min: '1', max: '2', expected: 'text', choices: ['a'], other: 'b' };
        const sentence = words.fields.rules[code]({ ...parameters, choices: 'a', suggestion: '' });
        expect(sentence).not.toMatch(/undefined|^$/);
      }
    }
  });
});
