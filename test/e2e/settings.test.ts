import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from './processes.ts';

let folder = '';
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-settings-')));
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'file'), 'a file');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Nothing is started: a setting is looked at before any server is. */
const NOWHERE = 'postgres://nobody@127.0.0.1:1/none';

async function outputOf(role: string, env: Record<string, string>): Promise<{ code: unknown; text: string }> {
  const command = runCommand([role], { PORT: '0', QWEN_EDIT_DATA_DIR: join(folder, 'data'), ...env }, folder);
  const code = await command.ended;
  return { code, text: command.output() };
}

it('settings that cannot work end the start of serve, all of them told at once, with what to do', async () => {
  const { code, text } = await outputOf('serve', {
    QWEN_EDIT_2511_DIR: join(folder, 'empty'),
    STORAGE_URL: `file:${join(folder, 'file/objects')}`,
    QWEN_EDIT_OUTPUT_DIR: join(folder, 'file/results'),
    QWEN_EDIT_WEBHOOK_SECRET: 'short',
    QWEN_EDIT_ENGINE_PROGRAM: join(folder, 'none.ts'),
    QWEN_EDIT_MAX_QEUE: '7',
  });
  expect(code).toBe(1);
  expect(text).not.toContain('is ready');
  expect(text).toMatch(/^warning: QWEN_EDIT_MAX_QEUE is no setting .* Did you mean QWEN_EDIT_MAX_QUEUE\?$/m);
  expect(text).toContain(`${join(folder, 'empty')} is not a model folder`);
  expect(text).toContain(`${join(folder, 'file/objects')} of STORAGE_URL cannot be written to (ENOTDIR)`);
  expect(text).toContain(`${join(folder, 'file/results')} of QWEN_EDIT_OUTPUT_DIR cannot be written to`);
  expect(text).toContain('The secret of webhooks is wrong');
  expect(text).toContain('of QWEN_EDIT_ENGINE_PROGRAM is not there');
  expect(text).toContain('Set QWEN_EDIT_WEBHOOK_SECRET to');
});

it('a worker whose model folder cannot work ends at its start, a dispatcher does not look at it', async () => {
  const env = { DATABASE_URL: NOWHERE, QWEN_EDIT_2511_DIR: join(folder, 'empty') };
  const [worker, dispatcher] = await Promise.all([outputOf('worker', env), outputOf('dispatcher', env)]);
  expect(worker).toMatchObject({
    code: 1,
    text: expect.stringContaining('is not a model folder: it is empty (model_not_found)'),
  });
  expect(worker.text).toContain('QWEN_EDIT_2511_DIR');
  expect(dispatcher).toMatchObject({ code: 1, text: expect.stringContaining('(database_unavailable)') });
});

it.runIf(process.platform === 'linux')(
  'a folder that can never be made ends the start, and does not hold it',
  async () => {
    const { code, text } = await outputOf('serve', { QWEN_EDIT_DATA_DIR: '/proc/qwen-edit' });
    expect(code).toBe(1);
    expect(text).toContain('/proc/qwen-edit of QWEN_EDIT_DATA_DIR cannot be written to (ENOENT) (output_unwritable)');
  },
);
