import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDataDirLock } from '@qwen-edit/db';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { runCommand } from './processes.ts';

const root = join(import.meta.dirname, '../..');
const sheet = join(root, 'demo-output/before-after.png');
const edited = join(root, 'demo-output/edited.png');

let folder = '';
let occupant: Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-demo-'));
  await rm(sheet, { force: true });
  await rm(edited, { force: true });
  // Whoever has the usual port, us or another: the demo has to do without.
  occupant = createServer().on('error', () => {});
  occupant.listen(7860, '127.0.0.1');
});
afterEach(async () => {
  occupant.close();
  await rm(folder, { recursive: true });
});

async function demo(): Promise<{ code: unknown; said: string }> {
  const env = { ...environment, QWEN_EDIT_DATA_DIR: folder, QWEN_EDIT_URL: '', DATABASE_URL: '', PORT: '' };
  const child = spawn(process.execPath, [join(root, 'scripts/demo.ts')], { cwd: folder, env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'exit');
  return { code, said };
}

it('the demo starts a service of its own where the usual port is taken, saves its pictures, and stops it', async () => {
  const { code, said } = await demo();
  expect(code, said).toBe(0);
  expect(said).toMatch(/The service answers at http:\/\/127\.0\.0\.1:\d+/);
  expect(said).not.toContain(':7860');
  for (const text of [
    '"make it black and white"',
    '"把图片变成负片"',
    'This is the demo model',
    'White frame',
    'QWEN_EDIT_2511_DIR',
  ])
    expect(said).toContain(text);
  expect((await stat(sheet)).size).toBeGreaterThan(100_000);
  expect((await stat(edited)).size).toBeGreaterThan(10_000);
  expect(await readDataDirLock(folder)).toBe(undefined);
});

it('the demo uses the service that holds the data folder, and leaves it running', async () => {
  // What its engine makes of the pictures does not matter here.
  const env = { QWEN_EDIT_DATA_DIR: folder, QWEN_EDIT_ENGINE_PROGRAM: join(root, 'test/fakes/engine.ts') };
  const service = runCommand(['serve', '--port', '0'], env, folder);
  const [, url] = await service.until(/is ready at (\S+)/);
  const { code, said } = await demo();
  expect(code, said).toBe(0);
  expect(said).toContain(`The service answers at ${url}`);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await stat(sheet)).size).toBeGreaterThan(100_000);
  expect(await service.stop()).toBe(0);
});
