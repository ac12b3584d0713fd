import { exec } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it('npm knows every key of .npmrc, and runs no install script by itself', async () => {
  const { stdout, stderr } = await promisify(exec)('npm config get ignore-scripts --location project', { cwd: root });
  expect(stderr).not.toContain('Unknown project config');
  expect(stdout.trim()).toBe('true');
});
