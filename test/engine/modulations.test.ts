import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createBranches } from '../../packages/pipeline/src/engine/branches.ts';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createModulator } from '../../packages/pipeline/src/engine/modulations.ts';
import { precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { type EngineContext, graphSource } from '../../packages/pipeline/src/engine/segment-chain.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { checkpointDir } from '../parity/goldens.ts';

it('modulations are the same from memory, from a file, and when the file goes away while an edit runs', async () => {
  const { root, transformer } = await openModelFolder(checkpointDir('tiny-a'));
  const modulationDir = await mkdtemp(join(tmpdir(), 'qwen-edit-schedules-'));
  onTestFinished(() => rm(modulationDir, { recursive: true, force: true }));
  const timesteps = Float32Array.of(1, 0.6, 0.2);
  const modulate = (folder?: string) => {
    const pause = async () => undefined;
    const known = { device: deviceNamed(), precision: precisionNamed(), threads: 1, root, pause };
    const context: EngineContext = { ...known, modulationDir: folder };
    return createModulator(
      context,
      transformer.config,
      graphSource(context, transformer.weights),
      createBranches(transformer.weights, false),
    )(timesteps);
  };
  const fromMemory = await modulate();
  const fromFile = await modulate(modulationDir);
  expect(await readdir(modulationDir)).toHaveLength(2);
  expect(await fromFile.step(0)).toEqual(await fromMemory.step(0));
  const foundAgain = await modulate(modulationDir);
  await rm(modulationDir, { recursive: true });
  for (const modulations of [fromFile, foundAgain])
    for (const i of timesteps.keys()) expect(await modulations.step(i)).toEqual(await fromMemory.step(i));
});
