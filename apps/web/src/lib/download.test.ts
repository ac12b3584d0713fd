import type { ModelDownload } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { en } from '../i18n/en.ts';
import { zh } from '../i18n/zh.ts';
import { downloadFraction, downloadParts } from './download.ts';
import { createFormat } from './format.ts';

const download = (changes: Partial<ModelDownload> = {}): ModelDownload => ({
  ...{ phase: 'downloading', bytes_done: 12_345_000_000, bytes: 57_700_000_000, files_done: 7, files: 31 },
  ...{ bytes_per_second: 45_200_000, eta_seconds: 1003 },
  ...changes,
});
const inEnglish = (changes?: Partial<ModelDownload>): string =>
  downloadParts(en, createFormat('en'), download(changes)).join(' · ');

it('a download tells amount, pace, time left and files, each where it is known, in both languages', () => {
  expect(inEnglish()).toBe('12.3 GB of 57.7 GB · 45 MB/s · about 17 min left · 7 of 31 files');
  expect(inEnglish({ bytes_per_second: null, eta_seconds: null })).toBe('12.3 GB of 57.7 GB · 7 of 31 files');
  expect(inEnglish({ eta_seconds: 80 })).toContain('about 1 min 20 sec left');
  expect(inEnglish({ phase: 'checking' })).toBe(`12.3 GB of 57.7 GB · ${en.download.checking}`);
  expect(inEnglish({ phase: 'waiting' })).toBe(en.download.elsewhere);
  expect(inEnglish({ phase: 'listing', bytes: 0 })).toBe(en.download.listing);
  expect(downloadParts(zh, createFormat('zh'), download()).join(' · ')).toBe(
    '12.3 GB / 57.7 GB · 45 MB/秒 · 大约还需17分钟 · 文件 7 / 31',
  );
});

it('its bar is filled as far as it is known to be', () => {
  expect(downloadFraction(download({ bytes_done: 57_700_000_000 / 4 }))).toBe(0.25);
  expect(downloadFraction(download({ bytes: 0 }))).toBeUndefined();
  expect(downloadFraction(download({ phase: 'waiting' }))).toBeUndefined();
});
