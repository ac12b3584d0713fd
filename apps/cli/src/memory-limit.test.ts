import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectModel, knownModelShape } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { knownCost } from './cost-note.ts';
import { checkMemoryOfWorker, requireMemoryForEdit } from './memory-limit.ts';

const root = join(import.meta.dirname, '../../..');
const modelDir = join(root, 'packages/demo-model');
const picture = await readFile(join(root, 'test/fixtures/goldens/inputs/sq_72x72.png'));
const MIB = 2 ** 20;
const limited = (size: string) => readConfig({ QWEN_EDIT_CPU_MAX_MEMORY: size });

it('an edit that needs more than the limit is refused before its model is loaded, with what would fit', async () => {
  const cost = knownCost([picture], { prompt: 'make it night', width: 2048, height: 2048 });
  const edit = { modelDir, precision: 'fp32', cost };
  const refusal = requireMemoryForEdit(edit, limited('512MiB'), 512 * MIB);
  await expect(refusal).rejects.toMatchObject({
    code: 'out_of_memory',
    message: expect.stringMatching(
      /^This edit needs \d\.\d GB of memory at least, and QWEN_EDIT_CPU_MAX_MEMORY allows 0\.5 GB\.$/,
    ),
    hint: expect.stringMatching(/^Raise QWEN_EDIT_CPU_MAX_MEMORY, or ask for the preset draft: \d+ × \d+/),
  });
  await requireMemoryForEdit(edit, limited('16GiB'), 16 * 1024 * MIB);
  // Of the machine's own memory it is warned, not more: the plan may be too careful.
  await requireMemoryForEdit(edit, readConfig({}), 512 * MIB);
});

const machine = { totalBytes: 64 * 1024 * MIB, availableBytes: 64 * 1024 * MIB, limitedBy: 'machine' } as const;
const demo = await inspectModel(modelDir);
const real = { shape: knownModelShape('Qwen/Qwen-Image-Edit-2511')! };

it('a limit below any plan ends the start of a worker; one below a draft is noted', () => {
  expect(() => checkMemoryOfWorker(demo, limited('100MiB'), machine, 1)).toThrow('The smallest edit needs ');
  expect(() => checkMemoryOfWorker(real, limited('4GiB'), machine, 8)).toThrow('for each of 8 engines');
  expect(checkMemoryOfWorker(demo, limited('64GiB'), machine, 1)).toBeUndefined();
  expect(checkMemoryOfWorker(real, limited('16GiB'), machine, 1)).toBeUndefined();
  expect(checkMemoryOfWorker(real, readConfig({}), { ...machine, totalBytes: MIB }, 1)).toBeUndefined();
});
