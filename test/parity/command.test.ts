import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Checkpoint, checkpointDir, type GoldenEdit, golden, psnr, readGoldenJson } from './goldens.ts';

const PSNR_DB = 60;
const command = join(import.meta.dirname, '../../apps/cli/bin/qwen-edit.js');
const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-parity-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A golden edit's arguments as flags of the command. */
function flagsOf({ arguments: said }: GoldenEdit): string[] {
  const negative =
    said.negative_prompt === null ? ['--no-negative-prompt'] : ['--negative-prompt', said.negative_prompt];
  const size = [
    ...(said.height === null ? [] : ['--height', said.height]),
    ...(said.width === null ? [] : ['--width', said.width]),
  ];
  return [
    ...said.images.flatMap((name) => ['--image', golden('inputs', `${name}.png`)]),
    ...['--prompt', said.prompt, ...negative, '--seed', said.seed],
    ...['--steps', said.num_inference_steps, '--true-cfg-scale', said.true_cfg_scale],
    ...['--num-images', said.num_images_per_prompt, '--max-side', said.max_side, ...size],
  ].map(String);
}

it.each([
  ['tiny-a', 'two_results'],
  ['tiny-b', 'two_pictures_chinese'],
  ['tiny-c', 'shrunk_input_unaligned'],
  ['demo', 'blend'],
] as const)('the command makes the picture that diffusers makes: %s, %s', async (checkpoint: Checkpoint, name) => {
  const wanted = readGoldenJson<GoldenEdit>(golden('edits', checkpoint, `${name}.json`));
  const out = join(folder, `${checkpoint}.png`);
  const args = [command, 'edit', '--model', checkpointDir(checkpoint), ...flagsOf(wanted), '--out', out, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  const { outputs, seed } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  expect(seed).toBe(wanted.arguments.seed);
  expect(outputs).toHaveLength(wanted.output.pictures.length);
  for (const [i, file] of wanted.output.pictures.entries()) {
    expect(
      await psnr(readFileSync(outputs[i].path), readFileSync(golden('edits', checkpoint, file))),
    ).toBeGreaterThanOrEqual(PSNR_DB);
  }
});
