import type { PullProgress } from '@qwen-edit/hub';
import { expect, it } from 'vitest';
import { renderPull } from './pull-bar.ts';

const half: PullProgress = {
  ...{ phase: 'downloading', file: 'vae/config.json', filesDone: 3, files: 12 },
  ...{ bytesDone: 28.8e9, bytes: 57.7e9, bytesPerSecond: 45.2e6, etaSeconds: 639 },
};

it('has bytes of all, rate, time left and the file', () => {
  expect(renderPull(half, { columns: 120, color: false })).toBe(
    'downloading ████████████░░░░░░░░░░░░  28.8 GB of 57.7 GB  45.2 MB/s  ETA 10:39  vae/config.json',
  );
});

it.each([120, 100, 80, 60, 40, 20, 1])('is never as wide as a terminal of %i columns', (columns) => {
  expect(renderPull(half, { columns, color: false }).length).toBeLessThan(columns);
  expect(renderPull({ ...half, phase: 'waiting' }, { columns, color: false }).length).toBeLessThan(columns);
});

it('says no rate and no time before they are known', () => {
  const first = { ...half, bytesDone: 0, bytesPerSecond: null, etaSeconds: null };
  expect(renderPull(first)).toBe('0 bytes of 57.7 GB');
});
