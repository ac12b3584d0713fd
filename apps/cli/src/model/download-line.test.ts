import type { PullProgress } from '@qwen-edit/hub';
import { expect, it } from 'vitest';
import { createDownloadLine } from './download-line.ts';

const progress: PullProgress = {
  ...{ phase: 'downloading', filesDone: 7, files: 31, bytesDone: 28_850_000_000, bytes: 57_700_000_000 },
  ...{ bytesPerSecond: 45_200_000, etaSeconds: 640 },
};

it('the line of a download is drawn in place on a terminal, makes room for the log, and shows nothing in a pipe', () => {
  const written: string[] = [];
  let now = 0;
  const deps = (errIsTty: boolean) => ({
    terminal: { out: () => undefined, err: (text: string) => written.push(text), errIsTty, columns: () => 80 },
    config: { noColor: true },
    now: () => now,
  });
  const piped = createDownloadLine(deps(false));
  piped.show(progress);
  piped.clear();
  expect(written).toEqual([]);
  const line = createDownloadLine(deps(true));
  line.show(progress);
  expect(written[0]).toMatch(/^\rdownloading █{12}░{12} {2}28\.9 GB of 57\.7 GB/);
  line.show(progress);
  expect(written, 'not oftener than eyes see').toHaveLength(1);
  now += 1000;
  line.show(progress);
  line.clear();
  line.show(progress);
  line.show(undefined);
  line.clear();
  expect(written.slice(1)).toEqual([written[0], '\r\u001b[K', written[0], '\r\u001b[K']);
});
