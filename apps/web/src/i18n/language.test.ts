import { expect, it } from 'vitest';
import { languageOf } from './language.ts';

it.each([
  [['zh-Hans-CN', 'en'], 'zh'],
  [['de-DE', 'zh'], 'zh'],
  [['en-GB'], 'en'],
  [['fr'], 'en'],
  [[], 'en'],
] as const)('who prefers %j reads %s', (preferred, language) => {
  expect(languageOf(preferred)).toBe(language);
});
