import { ERRORS } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { dictionaries } from './dictionaries.ts';
import { errorWords } from './error-words.ts';

/** What only a command can meet never reaches the page. */
const COMMAND_ONLY = new Set([
  'usage',
  'image_not_found',
  'snapshot_invalid',
  'engine_closed',
  'data_dir_locked',
  'embedded_database_failed',
  'port_in_use',
  'output_unwritable',
  'method_not_allowed',
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
  });
  expect(errorWords(error, dictionaries.zh, 'zh').title).toBe('没有成功');
});

it('a detail that only repeats the title is left out', () => {
  const { title } = ERRORS.storage_unavailable;
  const error = { code: 'storage_unavailable', title, detail: `${title}.` };
  expect(errorWords(error, dictionaries.en, 'en').detail).toBeUndefined();
});
