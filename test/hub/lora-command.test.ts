import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { changeJson, copyOf } from '../bad-input/model-copies.ts';
import { environment } from '../config.ts';
import { inputBytes } from '../parity/goldens.ts';
import { type HubHarness, startHarness } from './harness.ts';
import { modelBytes } from './lora-files.ts';

const MAIN = join(import.meta.dirname, '../../apps/cli/src/main.ts');
const fixture = (name: string): Promise<Buffer> =>
  readFile(join(import.meta.dirname, '../fixtures/loras/tiny-a', name));

async function run({ hub, folder }: HubHarness, args: readonly string[]) {
  const { HF_TOKEN: _, ...env } = environment;
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { ...env, HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, 'home') },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...said };
}

it('a preset’s LoRA is asked for by name, pulled, used, listed and removed', async () => {
  const files = {
    'README.md': Buffer.from('# LoRAs\n'),
    'diffusers.safetensors': await fixture('diffusers.safetensors'),
    'more/kohya.safetensors': await fixture('kohya.safetensors'),
    'whole.safetensors': modelBytes(),
  };
  const harness = await startHarness({}, { repo: 'owner/loras', files });
  const model = await copyOf('tiny-a', 'model', harness.folder);
  const lora = { repo: 'owner/loras', file: 'diffusers.safetensors', scale: 0.7 };
  const presets = [{ name: 'quick', num_inference_steps: 2, true_cfg_scale: 1, lora: [lora] }];
  await changeJson(model, 'edit_config.json', (json) => Object.assign(json, { presets }));
  await writeFile(join(harness.folder, 'in.png'), inputBytes('sq_72x72'));
  const edit = (...more: string[]) =>
    run(harness, [
      ...['edit', '--model', model, '--image', 'in.png', '--prompt', 'paint it', '--out', 'out.png', '--json'],
      ...['--width', '64', '--height', '64', ...more],
    ]);

  const before = await edit('--preset', 'quick');
  expect(before.code).toBe(1);
  expect(JSON.parse(before.out)).toMatchObject({
    error: {
      code: 'lora_not_found',
      hint: expect.stringContaining('`qwen-edit model pull owner/loras:diffusers.safetensors`'),
    },
  });

  const pulled = await run(harness, ['model', 'pull', 'owner/loras:diffusers.safetensors']);
  const dir = join(harness.folder, 'home/hub/models--owner--loras/snapshots', harness.commit);
  expect(pulled).toMatchObject({ code: 0 });
  expect(pulled.out).toMatch(
    /^\/.*\nowner\/loras at \w{12}: 1 LoRA, [\d.]+ kB, verified\.\n {2}owner\/loras:diffusers/,
  );
  expect((await run(harness, ['model', 'list'])).out).toContain(
    `1 LoRA\n  ${dir}\n  owner/loras:diffusers.safetensors\n`,
  );

  const after = await edit('--preset', 'quick', '--lora', 'owner/loras@0');
  expect(after.code, after.err).toBe(0);
  expect(JSON.parse(after.out).receipt).toMatchObject({
    parameters: { preset: 'quick', num_inference_steps: 2, true_cfg_scale: 1 },
    loras: [{ label: 'owner/loras:diffusers.safetensors', file: 'diffusers.safetensors', scale: 0.7 }],
  });

  // All of its LoRAs; then one has to be named.
  const all = await run(harness, ['model', 'pull', 'owner/loras', '--json']);
  expect(JSON.parse(all.out.trim().split('\n').at(-1) ?? '')).toMatchObject({
    ...{ event: 'done', loras: ['diffusers.safetensors', 'more/kohya.safetensors'], left_out: [] },
    ...{ files: 2, downloaded_files: 1 },
  });
  const unclear = await edit('--steps', '2', '--lora', 'owner/loras');
  expect(JSON.parse(unclear.out)).toMatchObject({ error: { message: expect.stringContaining('several LoRAs') } });

  expect(await run(harness, ['model', 'remove', 'owner/loras', '--yes'])).toMatchObject({ code: 0 });
  expect((await run(harness, ['model', 'list'])).out).not.toContain('owner/loras');
});

it('what is neither a model nor a LoRA is refused by the command with a code and what to do', async () => {
  const harness = await startHarness({}, { repo: 'owner/other', files: { 'model.safetensors': modelBytes() } });
  const { code, err } = await run(harness, ['model', 'pull', 'owner/other']);
  expect(code).toBe(1);
  expect(err).toContain('owner/other is neither a model nor a LoRA');
});
