import type { JobStage } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { advance, createProgressBar, renderBar } from './progress-bar.ts';

const style = { columns: 80, color: false };
const at = (stage: JobStage, step: number, total: number) => ({ stage, step, total });

it('says stage, step, seconds a step and the time left', () => {
  let state = advance(undefined, at('denoise', 0, 6), 10_000);
  state = advance(state, at('denoise', 1, 6), 11_500);
  state = advance(state, at('denoise', 2, 6), 13_000);
  expect(renderBar(state, 13_000, style)).toBe('denoise ████████░░░░░░░░░░░░░░░░  2/6  1.50 s/step  ETA 0:06');
});

it('the time left goes down between two steps and never below zero', () => {
  const state = advance(advance(undefined, at('denoise', 0, 2), 0), at('denoise', 1, 2), 4000);
  expect(renderBar(state, 6000, style)).toContain('ETA 0:02');
  expect(renderBar(state, 60_000, style)).toContain('ETA 0:00');
});

it('before the first step it says how long the stage has been running', () => {
  expect(renderBar(advance(undefined, at('load', 0, 3), 0), 65_000, style)).toBe(
    'load    ░░░░░░░░░░░░░░░░░░░░░░░░  0/3  1:05',
  );
});

it('a new stage starts with a clock of its own', () => {
  const before = advance(advance(undefined, at('encode', 0, 1), 0), at('encode', 1, 1), 100_000);
  const state = advance(advance(before, at('denoise', 0, 40), 100_000), at('denoise', 1, 40), 160_000);
  expect(renderBar(state, 160_000, style)).toContain('1/40  60.0 s/step  ETA 39:00');
});

it('hours are shown as hours', () => {
  const state = advance(advance(undefined, at('denoise', 0, 40), 0), at('denoise', 1, 40), 300_000);
  expect(renderBar(state, 300_000, style)).toContain('ETA 3:15:00');
});

it('never fills the whole width, however narrow the terminal', () => {
  const state = advance(advance(undefined, at('denoise', 0, 40), 0), at('denoise', 7, 40), 9000);
  for (const columns of [1, 10, 40, 60, 61]) {
    expect(renderBar(state, 9000, { columns, color: false }).length).toBeLessThan(columns);
  }
});

it('redraws in place and leaves a clean line behind', () => {
  let screen = '';
  const bar = createProgressBar({
    write: (text) => {
      screen += text;
    },
    now: () => 0,
    style: () => style,
  });
  bar.onStep(at('load', 1, 2));
  bar.onStep(at('load', 2, 2));
  bar.end();
  expect(screen).not.toContain('\n');
  expect(screen.split('\r')).toHaveLength(4);
  expect(screen.endsWith('\r\u001b[K')).toBe(true);
});

it('writes nothing when there was nothing to show', () => {
  const bar = createProgressBar({ write: () => expect.unreachable(), now: () => 0, style: () => style });
  bar.end();
});
