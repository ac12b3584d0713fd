import { expect, it } from 'vitest';
import { downloadText, type ModelDownload } from './model-download.ts';

const download = (changes: Partial<ModelDownload>): ModelDownload => ({
  ...{ phase: 'downloading', bytes_done: 12_345_000_000, bytes: 57_700_000_000, files_done: 7, files: 31 },
  ...{ bytes_per_second: 45_200_000, eta_seconds: 1003 },
  ...changes,
});

it.each([
  [{}, '12.3 of 57.7 GB, 45 MB/s, about 17 minutes left'],
  [{ bytes_per_second: null, eta_seconds: null }, '12.3 of 57.7 GB'],
  [{ eta_seconds: 7500 }, '12.3 of 57.7 GB, 45 MB/s, about 2 hours 5 min left'],
  [{ bytes_per_second: 2500, eta_seconds: 61 }, '12.3 of 57.7 GB, 3 kB/s, about 61 seconds left'],
  [{ bytes_done: 100_000, bytes: 5_000_000, eta_seconds: 0.2 }, '0 of 5 MB, 45 MB/s, about 1 second left'],
  [{ phase: 'checking' }, '12.3 of 57.7 GB, checking the files'],
  [{ phase: 'waiting' }, 'another process is downloading it'],
  [{ phase: 'listing', bytes: 0, bytes_done: 0 }, 'asking which files there are'],
])('says how far a download is: %j', (changes, text) => {
  expect(downloadText(download(changes))).toBe(text);
});
