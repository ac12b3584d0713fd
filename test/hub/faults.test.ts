import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { errorOf, QUICK, SHARD, startHarness } from './harness.ts';
import { type Fault, lfsIdOf } from './hub-server.ts';

const CURED: readonly { readonly name: string; readonly faults: readonly Fault[] }[] = [
  { name: 'breaks before the first byte', faults: [{ kind: 'drop', after: 0 }] },
  {
    name: 'breaks twice',
    faults: [
      { kind: 'drop', after: 20_000 },
      { kind: 'drop', after: 7 },
    ],
  },
  { name: 'breaks in front of the last byte', faults: [{ kind: 'drop', after: 59_999 }] },
  { name: 'says 429 and when to come back', faults: [{ kind: 'status', status: 429, retryAfter: '0' }] },
  { name: 'says 429 with a date', faults: [{ kind: 'status', status: 429, retryAfter: new Date(0).toUTCString() }] },
  {
    name: 'says 500 and 503',
    faults: [
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503 },
    ],
  },
  { name: 'ends early with a whole answer', faults: [{ kind: 'truncated', length: 1000 }] },
  { name: 'sends all again instead of a range', faults: [{ kind: 'drop', after: 30_000 }, { kind: 'no-ranges' }] },
  { name: 'sends a wrong byte once', faults: [{ kind: 'wrong-byte', at: 31_000 }] },
  {
    name: 'sends a wrong byte and breaks',
    faults: [
      { kind: 'wrong-byte', at: 5 },
      { kind: 'drop', after: 40_000 },
    ],
  },
  {
    name: 'gives an address that is over',
    faults: [{ kind: 'expired' }, { kind: 'drop', after: 9000 }, { kind: 'expired' }],
  },
  { name: 'names another digest once', faults: [{ kind: 'other-etag' }] },
];

it.each(CURED)('a hub that $name is asked again, and all is right in the end', async ({ faults }) => {
  const { hub, pull, files, settings } = await startHarness();
  hub.fault(SHARD, ...faults);
  const { dir, verified } = await pull();
  expect(await contentOf(dir)).toEqual(wholeContent(files));
  expect(verified).toBe(Object.keys(await contentOf(dir)).length);
  expect(await leftovers(settings.cacheDir)).toEqual([]);
});

it('a download goes on at the byte where the last one ended', async () => {
  const { hub, pull, files } = await startHarness();
  hub.fault(SHARD, { kind: 'drop', after: 20_000 });
  await pull();
  const digest = lfsIdOf(files[SHARD] ?? Buffer.alloc(0));
  const ranges = hub.requests
    .filter(({ host, url }) => host === 'cdn' && url.includes(digest))
    .map(({ range }) => range);
  expect(ranges).toEqual([undefined, 'bytes=20000-']);
});

it('a connection without a byte is given up, and the rest is asked for again', async () => {
  const { hub, pull, files } = await startHarness();
  hub.fault(SHARD, { kind: 'stall', after: 10_000 });
  hub.fault('api', { kind: 'stall', after: 0 });
  const { dir } = await pull({ timing: { ...QUICK, stallMs: 300 } });
  expect(await contentOf(dir)).toEqual(wholeContent(files));
});

it('a list of files in pages is read to its end', async () => {
  const { hub, pull, files } = await startHarness({ pageSize: 3 });
  expect(await contentOf((await pull()).dir)).toEqual(wholeContent(files));
  expect(hub.requests.filter(({ url }) => url.includes('/tree/')).length).toBeGreaterThan(4);
});

it('an API that breaks, is busy or fails is asked again', async () => {
  const { hub, pull } = await startHarness();
  hub.fault('api', { kind: 'drop', after: 0 }, { kind: 'status', status: 502 }, { kind: 'status', status: 429 });
  await pull();
});

describe('what another try does not cure', () => {
  it('content that is wrong twice is model_corrupt, names the file, and nothing of it is kept', async () => {
    const { hub, pull, settings } = await startHarness();
    hub.always(SHARD, { kind: 'wrong-byte', at: 12 });
    const error = await errorOf(pull());
    expect(error).toMatchObject({ code: 'model_corrupt', message: expect.stringContaining(SHARD) });
    expect(error.hint).toMatch(/mirror.*proxy/i);
    expect(await leftovers(settings.cacheDir)).not.toContainEqual(expect.stringMatching(/^[0-9a-f]{64}\.incomplete/));
  });

  it('a digest that differs from the list is model_corrupt before its bytes are read', async () => {
    const { hub, pull } = await startHarness();
    hub.always(SHARD, { kind: 'other-etag' });
    expect(await errorOf(pull())).toMatchObject({ code: 'model_corrupt' });
  });

  it('a small file, which git keeps, is verified too', async () => {
    const { hub, pull } = await startHarness();
    hub.always('vae/config.json', { kind: 'wrong-byte', at: 3 });
    expect(await errorOf(pull())).toMatchObject({
      code: 'model_corrupt',
      message: expect.stringContaining('vae/config.json'),
    });
  });

  it.each(['api', SHARD])('a web page instead of %s is hub_refused', async (path) => {
    const { hub, pull } = await startHarness();
    hub.always(path, { kind: 'html' });
    const error = await errorOf(pull());
    expect(error).toMatchObject({ code: 'hub_refused', message: expect.stringContaining('a web page came') });
  });

  it('a hub that never recovers is hub_unreachable, and what has arrived is kept', async () => {
    const { hub, pull, settings } = await startHarness();
    hub.fault(SHARD, { kind: 'drop', after: 30_000 });
    hub.always(SHARD, { kind: 'status', status: 503 });
    expect(await errorOf(pull())).toMatchObject({ code: 'hub_unreachable' });
    const [partial = ''] = (await leftovers(settings.cacheDir)).filter((name) => /[0-9a-f]{64}\./.test(name));
    expect((await stat(join(settings.cacheDir, partial))).size).toBe(30_000);
  });

  it('a port at which nobody listens is hub_unreachable at once', async () => {
    const { hub, pull } = await startHarness();
    await hub.close();
    const error = await errorOf(pull({ timing: { ...QUICK, firstMs: 60_000 } }));
    expect(error).toMatchObject({ code: 'hub_unreachable', message: expect.stringContaining('ECONNREFUSED') });
    expect(error.hint).toMatch(/HTTPS_PROXY.*HF_ENDPOINT.*HF_HUB_OFFLINE/s);
  });

  it('a list with a path that leaves the folder is hub_refused, and nothing is written', async () => {
    const { pull, folder } = await startHarness({}, { files: { '../evil.safetensors': Buffer.from('x') } });
    expect(await errorOf(pull())).toMatchObject({ code: 'hub_refused' });
    expect(await contentOf(folder)).toEqual({});
  });
});

describe('who may have a model', () => {
  it('a gated model without a token, and with one that has not accepted the licence, is model_gated', async () => {
    const { pull, hub } = await startHarness({}, { gated: true });
    for (const token of [undefined, 'hf_stranger']) {
      const error = await errorOf(pull({}, { token }));
      expect(error).toMatchObject({ code: 'model_gated', hint: expect.stringContaining(`${hub.endpoint}/Qwen/Small`) });
      expect(error.hint).toContain('HF_TOKEN');
    }
  });

  it('with the right token it is downloaded, and the token is sent to the hub alone', async () => {
    const { pull, hub, files } = await startHarness({ token: 'hf_right' }, { gated: true });
    expect(await contentOf((await pull({}, { token: 'hf_right' })).dir)).toEqual(wholeContent(files));
    const [cdn, own] = [
      hub.requests.filter(({ host }) => host === 'cdn'),
      hub.requests.filter(({ host }) => host === 'hub'),
    ];
    expect(cdn.length).toBeGreaterThan(3);
    expect(cdn.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    expect(own.filter(({ authorization }) => authorization !== 'Bearer hf_right')).toEqual([]);
  });

  it('a wrong token is named as that', async () => {
    const { pull } = await startHarness({ token: 'hf_right' });
    expect(await errorOf(pull({}, { token: 'hf_wrong' }))).toMatchObject({
      message: expect.stringContaining('does not take the token'),
    });
  });

  it('a private model is to strangers one that does not exist', async () => {
    const { pull } = await startHarness({ token: 'hf_right' }, { private: true });
    expect(await errorOf(pull())).toMatchObject({ code: 'model_unknown', hint: expect.stringContaining('HF_TOKEN') });
    await pull({}, { token: 'hf_right' });
  });

  it('a revision that there is not is named', async () => {
    const { ref, pull } = await startHarness();
    Object.assign(ref, { revision: 'v9' });
    expect(await errorOf(pull())).toMatchObject({ code: 'model_unknown', message: expect.stringContaining('v9') });
  });
});

it('an aborted download ends at once, is canceled, and the next one goes on', async () => {
  const { hub, pull, files } = await startHarness();
  hub.always(SHARD, { kind: 'slow', chunk: 1000, everyMs: 100 });
  const stop = new AbortController();
  const error = await errorOf(
    pull({ signal: stop.signal, onProgress: ({ file, bytesDone }) => file === SHARD && bytesDone > 0 && stop.abort() }),
  );
  expect(error.code).toBe('canceled');
  hub.always(SHARD, { kind: 'drop', after: 1e9 });
  const { dir } = await pull();
  expect(await readFile(join(dir, SHARD))).toEqual(files[SHARD]);
  expect(hub.requests.some(({ range }) => range !== undefined)).toBe(true);
});
