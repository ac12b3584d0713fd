import type { ModelDownload } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { createDownloadLine, renderDownload } from './download-line.ts';

const download: ModelDownload = {
  ...{ phase: 'downloading', bytes_done: 28_850_000_000, bytes: 57_700_000_000, files_done: 7, files: 31 },
  ...{ bytes_per_second: 45_200_000, eta_seconds: 640 },
};

it('the line of a download fits the terminal, however narrow that is', () => {
  const line = (columns: number): string => renderDownload('Qwen-Image-Edit-2511', download, { columns, color: false });
  expect(line(120)).toBe(
    'Qwen-Image-Edit-2511  ████████████░░░░░░░░░░░░  50 %  28.9 of 57.7 GB, 45 MB/s, about 11 minutes left',
  );
  expect(line(100)).toBe('Qwen-Image-Edit-2511  50 %  28.9 of 57.7 GB, 45 MB/s, about 11 minutes left');
  expect(line(70)).toBe('50 %  28.9 of 57.7 GB, 45 MB/s, about 11 minutes left');
  for (let columns = 1; columns < 130; columns++) expect(line(columns).length).toBeLessThan(columns);
});

it('is drawn in place on a terminal, makes room for other lines, and shows nothing in a pipe', () => {
  const written: string[] = [];
  let now = 0;
  const deps = (errIsTty: boolean) => ({
    terminal: { out: () => undefined, err: (text: string) => written.push(text), errIsTty, columns: () => 80 },
    config: { noColor: true },
    now: () => now,
  });
  const piped = createDownloadLine(deps(false));
  piped.show('m', download);
  piped.clear();
  expect(written).toEqual([]);
  const line = createDownloadLine(deps(true));
  line.show('m', download);
  line.show('m', download);
  expect(written).toHaveLength(1);
  now += 1000;
  line.show('m', download);
  line.show('m', undefined);
  line.clear();
  expect(written.slice(1)).toEqual([written[0], '\r\u001b[K']);
});
