import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ERRORS } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { CHECK_NAMES } from '../../apps/cli/src/doctor/run-checks.ts';
import { VARIABLES } from '../../apps/cli/src/settings.ts';

const page = (name: string): Promise<string> => readFile(join(import.meta.dirname, '../../docs', name), 'utf8');

it('docs/configuration.md names every variable', async () => {
  const text = await page('configuration.md');
  expect(Object.values(VARIABLES).filter((name) => !text.includes(`| \`${name}\``))).toEqual([]);
});

it('docs/api.md names every error code, with its status and whether to try again', async () => {
  const text = await page('api.md');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \|/gm)].map(([, code, status, retryable]) => [
    code,
    { status: Number(status), retryable: retryable === 'yes' },
  ]);
  expect(rows.length).toBeGreaterThan(30);
  for (const [code, said] of rows)
    expect(ERRORS, String(code)).toHaveProperty(String(code), expect.objectContaining(said));
  expect(Object.keys(ERRORS).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
});

it.each(['troubleshooting.md', 'troubleshooting.zh.md'])('docs/%s has a row for each check of doctor', async (name) => {
  const text = await page(name);
  expect(CHECK_NAMES.filter((check) => !text.includes(`\n| \`${check}\` |`))).toEqual([]);
});
