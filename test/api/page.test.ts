import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApiKey, reportWorker } from '../../packages/db/src/index.ts';
import { startTestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

const SCRIPT = 'console.log("the page")';
const BUILT = `<!doctype html>
<html lang="en"><head><title>built</title><script type="module" src="/assets/index-4f2a.js"></script></head>
<body><div id="app"></div><noscript><!--plain-page--></noscript></body></html>`;

/** A folder as a build leaves it. */
async function builtFolder(html = BUILT): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-page-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), html);
  await writeFile(join(folder, 'assets/index-4f2a.js'), SCRIPT);
  await writeFile(join(folder, 'assets/index-4f2a.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(join(folder, 'assets/cat-9c.jpg'), 'jpeg');
  await writeFile(join(folder, 'secret.txt'), 'of nobody');
  return folder;
}

const card = {
  name: 'a demo',
  edits: [{ kind: 'x', title: { en: 'A <b>', zh: '甲' }, prompts: { en: ['do $& it'], zh: ['做'] } }],
};

describe('the built page', () => {
  it('is what / shows, with a policy that lets through its own scripts and styles only', async () => {
    const api = await startTestApi({ pageDir: await builtFolder() });
    const response = await fetch(api.url);
    expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8');
    const policy = new Map(
      response.headers
        .get('content-security-policy')!
        .split('; ')
        .map((each) => [each.slice(0, each.indexOf(' ')), each.slice(each.indexOf(' ') + 1)]),
    );
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': expect.stringMatching(/^'self' 'sha256-[\w+/]{43}='$/),
      'style-src-attr': "'unsafe-inline'",
      'img-src': "'self' blob: data: https: http:",
      'connect-src': "'self' https: http:",
      'form-action': "'self'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(await response.text()).toContain('<title>built</title>');
  });

  it('shows the plain page to browsers without scripts, with the texts of models escaped', async () => {
    const api = await startTestApi({ pageDir: await builtFolder() });
    const model = { name: 'Qwen-Image-Edit-2511', digest: 'a', card };
    const facts = { host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: true, lastError: null };
    await reportWorker(api.database.db, { id: 'worker_a', ...facts, model });
    const html = await (await fetch(api.url)).text();
    const noscript = html.slice(html.indexOf('<noscript>'), html.indexOf('</noscript>'));
    expect(noscript).toContain('A &#60;b&#62; 甲');
    expect(noscript).toContain('do $&#38; it');
    expect(noscript).toContain(`curl ${api.url}/edit`);
    const unprepared = await startTestApi({ pageDir: await builtFolder('<html><body><p>x</p></body></html>') });
    expect(await (await fetch(unprepared.url)).text()).toMatch(
      /<p>x<\/p><noscript>[\s\S]*curl [\s\S]*<\/noscript>\n<\/body>/,
    );
  });

  it('is asked for each time and sent when it has changed; its parts are kept for ever', async () => {
    const folder = await builtFolder();
    const api = await startTestApi({ pageDir: folder });
    const first = await fetch(api.url);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const known = { 'if-none-match': first.headers.get('etag')! };
    const again = await fetch(api.url, { headers: known });
    expect([again.status, await again.text()]).toEqual([304, '']);
    await writeFile(join(folder, 'index.html'), BUILT.replace('4f2a', '77aa'));
    const changed = await fetch(api.url, { headers: known });
    expect([changed.status, await changed.text()]).toEqual([200, expect.stringContaining('index-77aa.js')]);

    const part = await fetch(`${api.url}/assets/cat-9c.jpg`);
    expect(part.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(part.headers.get('content-type')).toBe('image/jpeg');
    const etag = part.headers.get('etag')!;
    expect((await fetch(`${api.url}/assets/cat-9c.jpg`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('comes compressed to callers that accept that, and plain to others', async () => {
    const api = await startTestApi({ pageDir: await builtFolder() });
    for (const [accepted, encoding] of [
      ['gzip, deflate, br', 'br'],
      ['br;q=0, gzip', undefined],
      ['gzip', undefined],
    ] as const) {
      const response = await fetch(`${api.url}/assets/index-4f2a.js`, { headers: { 'accept-encoding': accepted } });
      expect(response.headers.get('content-encoding') ?? undefined).toBe(encoding);
      expect(response.headers.get('vary')).toBe('Accept-Encoding');
      expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(await response.text()).toBe(SCRIPT);
    }
  });

  it('gives out nothing but its parts', async () => {
    const api = await startTestApi({ pageDir: await builtFolder() });
    for (const path of [
      '/assets/../secret.txt',
      '/assets/..%2Fsecret.txt',
      '/assets/%2e%2e%2fsecret.txt',
      '/assets/',
      '/assets',
      '/assets/none.js',
      '/secret.txt',
      '/index.html',
    ]) {
      const { status, text } = await openRaw(
        api.port,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      ).answer();
      expect(status, path).toBe(404);
      expect(text).not.toContain('of nobody');
    }
    expect((await fetch(`${api.url}/assets/cat-9c.jpg`, { method: 'POST' })).status).toBe(405);
  });

  it('is open to all, as it tells of no job', async () => {
    const api = await startTestApi({ pageDir: await builtFolder(), keysRequired: true });
    await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: ['read'] });
    expect((await fetch(api.url)).status).toBe(200);
    expect((await fetch(`${api.url}/assets/cat-9c.jpg`)).status).toBe(200);
  });
});

it('if no page is built a plain one is shown, which runs no script', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'qwen-edit-page-'));
  onTestFinished(() => rm(empty, { recursive: true }));
  for (const pageDir of [undefined, empty, join(empty, 'none')]) {
    const api = await startTestApi({ pageDir });
    const response = await fetch(api.url);
    expect(response.headers.get('content-security-policy')).not.toContain('script-src');
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe-inline');
    expect(await response.text()).toContain(`curl ${api.url}/edit`);
    expect((await fetch(`${api.url}/assets/index.js`)).status).toBe(404);
  }
});
