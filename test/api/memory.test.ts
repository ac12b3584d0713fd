import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { freshUrl } from '../db/harness.ts';
import { runCommand } from '../e2e/processes.ts';
import { eventually, submitJson } from './harness.ts';

/** What a service may take beside its pictures, in kB: Node with all modules, and what the allocator keeps. */
const BESIDE = 500_000;
/** The budget of bodies and fetched pictures, and that of decoders. */
const BUDGETS = 512_000 + 800_000;
/** Garbage of a quarter of the budget may stay until somebody needs its room. */
const RESTING = BESIDE + 512_000 / 4;

async function memoryOf(pid: number): Promise<{ readonly peak: number; readonly now: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  return { peak: kilobytes('VmHWM'), now: kilobytes('VmRSS') };
}

/** Answers each path with the body of that name. */
async function servePictures(bodies: Readonly<Record<string, Buffer>>): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const body = bodies[url.split('/')[1]!]!;
    response.writeHead(200, {
      ...(url.startsWith('/packed') ? { 'content-encoding': 'gzip' } : {}),
      // Without a length it comes in chunks.
      ...(url.startsWith('/chunked') ? {} : { 'content-length': String(body.length) }),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('a burst of large answers and pictures takes no more memory than its budgets, and gives it back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-memory-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const service = runCommand(
    ['api'],
    {
      DATABASE_URL: await freshUrl(),
      STORAGE_URL: `file:${folder}/objects`,
      QWEN_EDIT_DATA_DIR: folder,
      PORT: '0',
      QWEN_EDIT_ALLOW_PRIVATE_URLS: '1',
    },
    folder,
  );
  onTestFinished(async () => void (await service.stop()));
  const [, url] = await service.until(/ready at (http\S+)/);
  const large = sharp({ create: { width: 5000, height: 5000, channels: 3, background: 'teal' } });
  const progressive = await large.jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer();
  const plain = Buffer.alloc(150_000_000);
  const pictures = await servePictures({ packed: gzipSync(plain), plain, chunked: plain, progressive });

  const submit = async (path: string): Promise<string> => {
    const response = await submitJson({ url: url! }, { prompt: 'x', images: [`${pictures}/${path}`] });
    const { code, status } = (await response.json()) as { code?: string; status: string };
    return code ?? status;
  };
  const burst = (path: string, times: number) => Promise.all(Array.from({ length: times }, () => submit(path)));
  expect(new Set(await burst('packed', 4))).toEqual(new Set(['url_too_large']));
  for (const path of ['plain', 'chunked']) {
    // Where there is no room for one more, the caller is told to come again.
    for (const code of await burst(path, 4)) expect(['image_invalid', 'not_ready']).toContain(code);
  }
  expect(new Set(await burst('progressive', 6))).toEqual(new Set(['queued']));

  const pid = service.child.pid!;
  expect((await memoryOf(pid)).peak).toBeLessThan(BESIDE + BUDGETS);
  await eventually(async () => (await memoryOf(pid)).now < RESTING);
});
