import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readDockerfile } from '../setup/role-images.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly pids_limit?: number;
  readonly mem_limit?: string;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly deploy?: { readonly resources?: { readonly reservations?: { readonly devices?: readonly unknown[] } } };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

const source = await read('infra/compose.yaml');
const { services, networks } = parse(source, { merge: true }) as Compose;
const named = Object.entries(services);
/** Variables that compose.yaml refuses to start without. */
const asked = [...new Set([...source.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name))];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-env-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The variables that infra/make-env.sh writes into a file. */
async function makeEnv(file: string): Promise<ReadonlyMap<string, string>> {
  await run(join(root, 'infra/make-env.sh'), [file]);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return new Map(lines.map((line): [string, string] => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
}

it('there are services to look at', () => {
  expect(Object.keys(services)).toEqual(
    expect.arrayContaining([
      'postgres',
      'minio',
      'bucket',
      'localstack',
      'migrate',
      'api',
      'dispatcher',
      'worker',
      'lb',
    ]),
  );
});

it.each(named)('%s: nothing of its image can be changed, and no process gets more rights', (_, service) => {
  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  expect(service.security_opt).toContain('no-new-privileges:true');
  expect(service).not.toHaveProperty('cap_add');
  expect(service).not.toHaveProperty('privileged');
});

it.each(named)('%s: its memory and its processes are limited', (_, service) => {
  expect(service.pids_limit).toBeGreaterThan(0);
  expect(service.mem_limit).toMatch(/^(\d+[mg]|\$\{\w+:-\d+[mg]\})$/);
});

it.each(named)('%s: other machines do not reach it', (_, { ports = [] }) => {
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

it.each(named)('%s: its image is pinned to a version, or built here', (_, { image }) => {
  const [, pinned = image] = /^\$\{[A-Z]+_IMAGE:-(.+)\}$/.exec(image) ?? [];
  expect(pinned).toMatch(/^(qwen-edit-(api|worker|worker-cuda|lb):local|[\w/-]+:(v?\d|RELEASE)[\w.-]*)$/);
});

it('a worker and what keeps data reach nothing but the containers beside them', () => {
  expect(networks).toMatchObject({ inside: { internal: true } });
  for (const name of ['worker', 'worker-cuda', 'migrate', 'postgres', 'localstack', 'bucket', 'loki', 'vector'])
    expect(services[name]?.networks, name).toEqual(['inside']);
});

it('compose.yaml has no password of its own: it asks for each, and refuses to start without', () => {
  expect(asked.length).toBeGreaterThan(2);
  const demanded = /\$\{\w+:\?[^}]*infra\/make-env\.sh[^}]*\}/g;
  for (const [name, { environment = {} }] of named) {
    for (const [variable, value] of Object.entries(environment)) {
      const place = `${variable} of ${name}`;
      if (/PASSWORD|SECRET|TOKEN/.test(variable)) expect(value.replace(demanded, ''), place).toBe('');
      // The password of an address.
      const [, password] = /:\/\/[^/@:]*:(.*)@/.exec(value) ?? [];
      if (password !== undefined) expect(password.replace(demanded, ''), place).toBe('');
    }
  }
  // Nowhere else either: not in a command, nor as what stands in for a missing one.
  expect(source).not.toMatch(/\$\{\w*(PASSWORD|SECRET|KEY)\w*(:?-|\})/);
});

it('infra/make-env.sh writes every password that is asked for: new, long, for its owner only', async () => {
  const [one, other] = [await makeEnv(join(folder, 'one')), await makeEnv(join(folder, 'other'))];
  expect([...one.keys()].sort()).toEqual([...asked].sort());
  for (const [name, value] of one) {
    expect(value.length, name).toBeGreaterThan(40);
    expect(other.get(name), name).not.toBe(value);
  }
  expect(new Set(one.values()).size).toBe(one.size);
  expect((await stat(join(folder, 'one'))).mode & 0o777).toBe(0o600);
});

it('infra/make-env.sh changes no password that is in use', async () => {
  const before = await makeEnv(join(folder, 'kept'));
  expect(await makeEnv(join(folder, 'kept'))).toEqual(before);
});

it('infra/make-env.sh adds what an older file lacks, and changes nothing that is there', async () => {
  const file = join(folder, 'older');
  // The last line has no end, one has a comment only, and one has no value, which Compose takes for none.
  const before = 'POSTGRES_PASSWORD=mine\n# GRAFANA_PASSWORD=x\nS3_SECRET_KEY=\nAPI_PORTS=1-2';
  await writeFile(file, before, { mode: 0o600 });
  const variables = await makeEnv(file);
  expect(await readFile(file, 'utf8')).toMatch(new RegExp(`^${before}\n`));
  expect(variables.get('POSTGRES_PASSWORD')).toBe('mine');
  expect(variables.get('API_PORTS')).toBe('1-2');
  // The last line for a name counts, to Compose and here.
  for (const name of asked.filter((each) => each !== 'POSTGRES_PASSWORD'))
    expect(variables.get(name)?.length, name).toBeGreaterThan(40);
});

it('infra/make-env.sh says what is wrong with a file that it cannot use', async () => {
  await expect(makeEnv(folder)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/is no file/) });
});

it.each(named)('%s: what it takes from infra/ is there, and cannot be changed', async (_, { volumes = [] }) => {
  for (const volume of volumes.filter((each) => each.startsWith('.'))) {
    const [, path = '', mode] = /^\.\/([^:]+):[^:]+(?::(\w+))?$/.exec(volume) ?? [];
    expect(mode, volume).toBe('ro');
    expect((await stat(join(root, 'infra', path))).mode & 0o004, path).not.toBe(0);
  }
});

it('a service that only watches runs as a user without rights, but for the one that reads the files of Docker', () => {
  const users = ['prometheus', 'grafana', 'loki'].map((name) => services[name]?.user);
  for (const user of users) expect(user).toMatch(/^[1-9]\d*:\d+$/);
  expect(services.vector?.user).toBe('0:0');
  for (const [name, { volumes = [] }] of named) expect(volumes.join(), name).not.toContain('docker.sock');
});

it('the passwords get into no commit and no image', async () => {
  expect((await read('.gitignore')).split('\n')).toContain('.env');
  const patterns = (await read('.dockerignore')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(patterns[0]).toBe('*');
  expect(patterns.filter((pattern) => pattern.startsWith('!infra'))).toEqual([
    '!infra/docker/cuda-requirements.txt',
    '!infra/docker/healthcheck.sh',
    '!infra/docker/sbom.mjs',
  ]);
});

it('the Dockerfile asks for no frontend that a registry would have to bring, and pins what it begins with', async () => {
  const { text, bases } = await readDockerfile();
  expect(bases.length).toBeGreaterThan(0);
  expect(text).not.toMatch(/^# *syntax=/m);
  for (const base of bases) expect(base).toMatch(/^[\w/-]+:(?!latest)\w/);
});

/** Services that are not started unless their profile is asked for. */
const PROFILES: Readonly<Record<string, string>> = {
  'worker-cuda': 'gpu',
  lb: 'lb',
  prometheus: 'monitoring',
  grafana: 'monitoring',
  loki: 'monitoring',
  vector: 'monitoring',
};

it('cards of NVIDIA are reserved for the worker of the profile gpu, and for nobody else', () => {
  for (const [name, { profiles, deploy }] of named) {
    const cards = name === 'worker-cuda' ? [{ driver: 'nvidia', count: 'all', capabilities: ['gpu'] }] : undefined;
    expect(deploy?.resources?.reservations?.devices, name).toEqual(cards);
    expect(profiles?.[0], name).toEqual(PROFILES[name]);
  }
});

/** What a stage of the Dockerfile says, up to the next one. */
const stageOf = (text: string, name: string): string =>
  text.split(/^(?=FROM )/m).find((stage) => stage.split('\n')[0]?.endsWith(` AS ${name}`) === true) ?? '';

it('worker-cuda is the worker with the CUDA provider beside the native part of onnxruntime-node', async () => {
  const { text } = await readDockerfile();
  const stage = `${stageOf(text, 'worker-cuda-base')}${stageOf(text, 'worker-cuda')}`;
  expect(stage).toMatch(/^FROM worker-base AS worker-cuda-base$/m);
  expect(stage).toMatch(/^FROM worker-cuda-base AS worker-cuda$/m);
  expect(stage).toContain('COPY --from=cuda /provider node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
  expect(stage).toMatch(/LD_LIBRARY_PATH=\/usr\/local\/lib\/cuda\b/);
  expect(stage).toContain('COPY --from=cuda /cuda /usr/local/lib/cuda');
  const instructions = stageOf(text, 'worker')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line) && !line.startsWith('FROM'));
  expect(instructions.length).toBeGreaterThan(2);
  for (const instruction of instructions)
    expect(stage).toContain(`\n${instruction.replace('worker-sbom', 'worker-cuda-sbom')}\n`);
});

it('the CUDA provider has the version of onnxruntime-node, and each file of PyPI is pinned by its digest', async () => {
  const lines = (await read('infra/docker/cuda-requirements.txt')).trimEnd().split('\n');
  const pinned = lines.filter((line) => !line.startsWith('#'));
  for (const line of pinned) expect(line).toMatch(/^[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}$/);
  const { packages } = JSON.parse(await read('package-lock.json')) as { packages: Record<string, { version: string }> };
  const version = packages['node_modules/onnxruntime-node']?.version;
  expect(pinned.filter((line) => line.startsWith(`onnxruntime-gpu==${version} `))).toHaveLength(1);
  expect((await readDockerfile()).text).toContain('--require-hashes');
});
