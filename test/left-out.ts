import { writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from './config.ts';

/** In CI, what a test needs has to be there. */
export const inCi = !['', '0', 'false'].includes(environment.CI ?? '');

/**
 * Says once in a test run what is left out, by a name without spaces. Each test file is a process of its own; they share the
 * parent, so the first to make a file speaks for the run.
 */
export function sayOnce(name: string, line: string): void {
  const hour = new Date().toISOString().slice(0, 13);
  try {
    writeFileSync(join(tmpdir(), `qwen-edit-tests-${name}-${process.ppid}-${hour}`), '', { flag: 'wx' });
  } catch {
    return;
  }
  writeSync(2, line);
}
