import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { CONTRACT_VERSION, contractVersionNeededBy } from './contract-version.ts';
import { editParametersSchema } from './edit-parameters.ts';

const FILE = join(import.meta.dirname, '../contract-version.json');

it('whoever lets a job say something new raises the contract version', async () => {
  const parameters = z.toJSONSchema(editParametersSchema, { io: 'output', unrepresentable: 'any' });
  const kept: unknown = JSON.parse(await readFile(FILE, 'utf8'));
  // A change here needs a higher CONTRACT_VERSION, `needs` in the rows of parameters.ts, and then this file written anew.
  expect(kept).toEqual({ version: CONTRACT_VERSION, parameters });
});

it('a job needs the highest version of what it says, so that jobs which say nothing new stay open to every worker', () => {
  const table = {
    prompt: { kind: 'text' },
    strength: { kind: 'number', needs: () => 3 },
    output_format: { kind: 'choice', needs: (value: unknown) => (value === 'avif' ? 2 : 1) },
  } as const;
  const needed = (parameters: Record<string, unknown>): number => contractVersionNeededBy(parameters, table);
  expect(needed({ prompt: 'x', strength: undefined })).toBe(1);
  expect(needed({ prompt: 'x', output_format: 'png' })).toBe(1);
  expect(needed({ prompt: 'x', output_format: 'avif' })).toBe(2);
  expect(needed({ prompt: 'x', output_format: 'avif', strength: 1 })).toBe(3);
  expect(contractVersionNeededBy({})).toBe(1);
  expect(contractVersionNeededBy({ prompt: 'x', width: 64, height: 64, max_side: 512 })).toBe(1);
  for (const said of [{ size: 'auto' }, { output_area: 65_536 }, { reference_size: 'model' }, { preset: 'draft' }])
    expect(contractVersionNeededBy({ prompt: 'x', ...said })).toBe(3);
});
