import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { filesOf } from '../../apps/web/build/install-page.ts';
import { ensurePageBuilt } from '../../apps/web/index.ts';
import { startTestApi } from './harness.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-build-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Builds where that is needed; gives what the log says. */
async function ensure(folder: string, signal?: AbortSignal): Promise<readonly string[]> {
  const said: string[] = [];
  const hear = (level: string) => (line: object, message: string) =>
    void said.push(`${level}: ${message} ${JSON.stringify(line)}`);
  const log = { info: hear('info'), warn: hear('warn') };
  await ensurePageBuilt({ log, folder, ...(signal === undefined ? {} : { signal }) });
  return said;
}

it('the page is built if it is missing or stale, also by two starts at the same time, and a start that finds it does nothing', async () => {
  const folder = await emptyFolder();
  const both = await Promise.all([ensure(folder), ensure(folder)]);
  expect(both.flat().filter((line) => line.startsWith('warn'))).toEqual([]);
  const files = await filesOf(folder);
  expect(files.filter((file) => file.includes('.building-'))).toEqual([]);

  // The API serves what was built: the page, and each part that it names.
  const api = await startTestApi({ pageDir: folder });
  const html = await (await fetch(api.url)).text();
  const parts = [...html.matchAll(/(?:src|href)="\.?(\/assets\/[^"]+)"/g)].map(([, path]) => path);
  expect(parts.length).toBeGreaterThan(0);
  for (const path of parts) expect((await fetch(`${api.url}${path}`)).status, path).toBe(200);
  const script = await fetch(api.url + parts.find((path) => path?.endsWith('.js')), {
    headers: { 'accept-encoding': 'br' },
  });
  expect(script.headers.get('content-encoding')).toBe('br');
  expect(html).toContain(`curl ${api.url}/edit`);
  expect(html, 'the policy lets no script of the page itself run').not.toMatch(/<script(?![^>]*\ssrc=)/);

  const { mtimeMs } = await stat(join(folder, 'index.html'));
  expect(await ensure(folder)).toEqual([]);
  expect((await stat(join(folder, 'index.html'))).mtimeMs).toBe(mtimeMs);

  const digest = await readFile(join(folder, '.digest'), 'utf8');
  await writeFile(join(folder, '.digest'), 'of other sources');
  expect((await ensure(folder)).join()).toContain('the page is built');
  expect(await readFile(join(folder, '.digest'), 'utf8')).toBe(digest);
});

it('a page that cannot be built is a warning with its remedy, and no reason not to start', async () => {
  const folder = await emptyFolder();
  await writeFile(join(folder, 'file'), '');
  const [, warning] = await ensure(join(folder, 'file/dist'));
  expect(warning).toMatch(/^warn: the page could not be built; a plain one is served instead .*ENOTDIR.*npm ci/);
});

it('a start that is stopped stops its build', async () => {
  const folder = await emptyFolder();
  const stop = new AbortController();
  const building = ensure(folder, stop.signal);
  stop.abort();
  expect((await building).filter((line) => line.startsWith('warn'))).toEqual([]);
  expect(await filesOf(folder)).not.toContain('index.html');
});
