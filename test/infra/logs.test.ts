import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { isCode, isTest, readSourceFiles } from '../../scripts/rules/source-files.ts';
import { logCalls } from './logged-fields.ts';
import { runInfraTool, toolSuites } from './tools.ts';

const root = join(import.meta.dirname, '../..');
const VECTOR = join(root, 'infra/vector');
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** What the scanner of log calls can't see: what these expressions hold. */
const PASSED: Readonly<Record<string, readonly string[]>> = {
  'requestFacts(c)': ['request_id', 'job_id', 'owner', 'key_id'],
  last: ['phase', 'file', 'filesDone', 'files', 'bytesDone', 'bytes', 'bytesPerSecond', 'etaSeconds'],
};

/** The fields that docs/monitoring.md lists, and their names in Elasticsearch. */
async function documented(): Promise<ReadonlyMap<string, readonly string[]>> {
  const [, table = ''] = (await readFile(join(root, 'docs/monitoring.md'), 'utf8')).split('### Fields');
  const rows = [...(table.split('\n## ')[0] ?? '').matchAll(/^\| `(\w+)` \| (.*?) \|/gm)];
  return new Map(rows.map(([, field = '', names = '']) => [field, namesIn(names)]));
}

/** `error.message`, `.type` is short for error.message and error.type. */
function namesIn(cell: string): readonly string[] {
  const written = [...cell.matchAll(/`([\w.@]+)`/g)].map(([, name = '']) => name);
  const [first = ''] = written;
  return written.map((name) => (name.startsWith('.') ? first.replace(/\.\w+$/, name) : name));
}

async function recorded(): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(join(root, 'test/fixtures/logs/recorded.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('every field that our code logs is in the table of docs/monitoring.md', async () => {
  const fields = await documented();
  const files = (await readSourceFiles(root)).filter(
    ({ path }) => isCode(path) && !isTest(path) && /^(apps|packages)\//.test(path),
  );
  const calls = logCalls(files);
  expect(calls.length).toBeGreaterThan(60);
  for (const { place, fields: logged, passed } of calls) {
    for (const field of logged) expect([...fields.keys()], place).toContain(field);
    for (const name of passed) {
      expect(Object.keys(PASSED), place).toContain(name);
      for (const field of PASSED[name] ?? []) expect([...fields.keys()], place).toContain(field);
    }
  }
});

it('every field of lines that the roles really wrote is in that table', async () => {
  const fields = await documented();
  const lines = await recorded();
  expect(new Set(lines.map(({ role }) => role))).toEqual(new Set(['api', 'worker', 'dispatcher']));
  for (const line of lines) {
    for (const field of Object.keys(line)) {
      // What pino calls otherwise than lines.vrl does.
      if (field !== 'time' && field !== 'msg') expect([...fields.keys()], String(line.msg)).toContain(field);
    }
  }
});

const mappingSchema = z.object({
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});
type Mapping = z.output<typeof mappingSchema>;
const templateSchema = z.object({
  index_patterns: z.tuple([z.literal('logs-qwen_edit-*')]),
  data_stream: z.object({}),
  priority: z.int().min(200),
  template: z.object({ mappings: mappingSchema }),
});

async function mappings(): Promise<Mapping> {
  const text = await readFile(join(root, 'infra/elasticsearch/index-template.json'), 'utf8');
  return templateSchema.parse(JSON.parse(text)).template.mappings;
}

function typeOf(mapping: Mapping, path: string): Mapping | undefined {
  const [first = '', ...rest] = path.split('.');
  const inner = mapping.properties?.[first];
  if (inner === undefined) return undefined;
  const found = mappingSchema.parse(inner);
  return rest.length === 0 ? found : typeOf(found, rest.join('.'));
}

it('every field of the table has a type in the template of Elasticsearch', async () => {
  const types = await mappings();
  for (const [field, names] of await documented()) {
    expect(names, field).not.toEqual([]);
    for (const name of names) expect(typeOf(types, name), name).toBeDefined();
  }
});

const configSchema = z.strictObject({
  data_dir: z.string().optional(),
  sources: z.record(z.string(), z.looseObject({ type: z.string() })).default({}),
  transforms: z
    .record(
      z.string(),
      z.strictObject({
        type: z.literal('remap'),
        inputs: z.array(z.string()).min(1),
        file: z.string(),
        drop_on_abort: z.boolean().optional(),
      }),
    )
    .default({}),
  sinks: z.record(z.string(), z.looseObject({ type: z.string(), inputs: z.array(z.string()).min(1) })).default({}),
});

const readConfig = async (name: string): Promise<z.output<typeof configSchema>> =>
  configSchema.parse(parse(await readFile(join(VECTOR, name), 'utf8')));

describe.each(['docker.yaml', 'kubernetes.yaml'])('Vector with %s', (from) => {
  it.each(['loki.yaml', 'elasticsearch.yaml'])(
    'and %s: each input exists, each part is used, each program is there',
    async (to) => {
      const [first, second] = await Promise.all([readConfig(from), readConfig(to)]);
      const transforms = { ...first.transforms, ...second.transforms };
      const sinks = { ...first.sinks, ...second.sinks };
      const inputs = [...Object.values(transforms), ...Object.values(sinks)].flatMap((part) => part.inputs);
      expect(Object.keys(sinks)).not.toEqual([]);
      const parts = [...Object.keys(first.sources), ...Object.keys(transforms)];
      expect(parts.sort()).toEqual([...new Set(inputs)].sort());
      const there = await readdir(VECTOR);
      for (const { file } of Object.values(transforms)) {
        expect(file).toBe(`/etc/vector/${basename(file)}`);
        expect(there).toContain(basename(file));
      }
    },
  );
});

it('no file of Vector counts on variables of the environment, which Vector leaves alone', async () => {
  for (const name of await readdir(VECTOR)) {
    expect(await readFile(join(VECTOR, name), 'utf8'), name).not.toMatch(/\$\{?\w/);
  }
});

it('a stream of Loki is chosen by app, role and level, and by nothing with many values', async () => {
  const { sinks } = await readConfig('loki.yaml');
  expect(sinks.loki?.labels).toEqual({ app: 'qwen-edit', role: '{{ role }}', level: '{{ level }}' });
});

type Fields = Readonly<Record<string, unknown>>;

/** Runs a program of Vector over events. What it aborts at gives no event. */
async function remap(program: string, events: readonly Fields[]): Promise<readonly Fields[]> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-vrl-'));
  try {
    const out: Fields[] = [];
    // The program prints values of its own language; this makes them JSON.
    const source = `${await readFile(join(VECTOR, program), 'utf8')}\n. = encode_json(.)\n`;
    await writeFile(join(folder, 'program.vrl'), source);
    for (const [index, event] of events.entries()) {
      const input = join(folder, `${index}.json`);
      await writeFile(input, JSON.stringify(event));
      const text = await runInfraTool('vrl', [
        '--input',
        input,
        '--program',
        join(folder, 'program.vrl'),
        '--print-object',
      ]);
      const json = text.trim();
      if (json.startsWith('"')) out.push(JSON.parse(JSON.parse(json) as string) as Fields);
    }
    return out;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A line as Docker's driver json-file writes it, and as the source `file` of Vector gives it. */
function fromDocker(log: string, { project = 'qwen-edit', service = 'api' } = {}): Fields {
  const attrs = { 'com.docker.compose.project': project, 'com.docker.compose.service': service };
  return {
    file: '/var/lib/docker/containers/0123456789abcdef/0123456789abcdef-json.log',
    message: JSON.stringify({ log: `${log}\n`, stream: 'stdout', attrs, time: '2026-12-01T02:00:00.5Z' }),
    source_type: 'file',
    timestamp: '2026-12-01T02:00:01Z',
  };
}

/** Lines that no recording has, of which a field holds something else than in other lines. */
const SELDOM: readonly Fields[] = [
  { job_id: 'job_1', needs_version: 9, status: 'lost', msg: 'left a job to workers of a later version' },
  { refused: ['fast kernels'], psnr: 71.5, bound: 60, seconds: 3.2, msg: 'the self-test has passed, but not with all' },
  { refused: 3, sent: 7, msg: 'the queue has refused messages' },
  {
    err: { type: 'Error', message: 'no', stack: 'Error: no\n    at x', code: '57P01' },
    channel: 'c',
    msg: 'not listening',
  },
  { err: 'the connection broke', msg: 'an idle database connection broke' },
  { errors: [{ name: 'Error', message: 'no', frames: ['at x'] }], code: 'internal', msg: 'unforeseen error' },
].map((fields) => ({ level: 40, time: '2026-12-01T02:00:00.000Z', role: 'worker', ...fields }));

describe.each(await toolSuites(['vrl'], ["Vector's programs"]))('%s', () => {
  it('give each line that the roles really wrote its level by name, its role, and all of its fields', async () => {
    const lines = await recorded();
    const read = await remap(
      'lines.vrl',
      await remap(
        'docker.vrl',
        lines.map((line) => fromDocker(JSON.stringify(line), { service: String(line.role) })),
      ),
    );
    expect(read).toHaveLength(lines.length);
    for (const [index, { level, msg, time, ...fields }] of lines.entries()) {
      expect(read[index]).toEqual({
        ...fields,
        message: msg,
        level: LEVELS[Number(level) / 10 - 1],
        timestamp: time,
        service: fields.role,
        instance: '0123456789ab',
        stream: 'stdout',
      });
    }
  });

  it('give Elasticsearch only values that its template has a type for', async () => {
    const types = await mappings();
    const lines = [...(await recorded()), ...SELDOM].map((line) => fromDocker(JSON.stringify(line)));
    const documents = await remap('ecs.vrl', await remap('lines.vrl', await remap('docker.vrl', lines)));
    expect(documents).toHaveLength(lines.length);
    for (const document of documents) expectTyped(document, types, '');
    const [left, , , listening, idle] = documents.slice(-SELDOM.length);
    expect(left).toMatchObject({ qwen_edit: { status: 'lost', needs_version: 9 } });
    expect(listening).toMatchObject({ error: { type: 'Error', message: 'no', code: '57P01' } });
    expect(idle).toMatchObject({ error: { message: 'the connection broke' } });
  });

  it('keep what is no line of ours as text, and let no line choose its stream', async () => {
    const texts = ['LOG:  checkpoint complete', '{"level":"info","msg":"of another program"}'];
    const foreign = JSON.stringify({ level: 30, role: 'job_0123', msg: 'pretends', time: '2026-12-01T02:00:00.000Z' });
    const read = await remap(
      'lines.vrl',
      await remap(
        'docker.vrl',
        [...texts, foreign].map((text) => fromDocker(text, { service: 'postgres' })),
      ),
    );
    expect(read.map(({ level, role, message }) => ({ level, role, message }))).toEqual([
      ...texts.map((message) => ({ level: 'unknown', role: 'other', message })),
      { level: 'info', role: 'other', message: 'pretends' },
    ]);
  });

  it('leave out keys that a command prints, and what Vector and Loki say themselves', async () => {
    const key = `qe_${'Ab3-_'.repeat(9)}`;
    const secret = `whsec_${'A1b2/+'.repeat(6)}=`;
    const lines = [
      fromDocker(`${key} ${secret}`),
      ...['vector', 'loki'].map((service) => fromDocker('x', { service })),
    ];
    const read = await remap('lines.vrl', await remap('docker.vrl', lines));
    expect(read.map(({ message }) => message)).toEqual(['[secret] [secret]']);
  });

  it('drop what other projects on the machine write', async () => {
    const lines = [fromDocker('a secret of theirs', { project: 'payroll' }), { file: 'x', message: 'no JSON' }];
    expect(await remap('docker.vrl', lines)).toEqual([]);
  });

  it('read a line of a pod as one of a container', async () => {
    const [line = {}] = await recorded();
    const pod = {
      pod_name: 'qwen-edit-api-7c9',
      pod_namespace: 'pictures',
      pod_labels: { 'app.kubernetes.io/component': 'api' },
    };
    const event = {
      message: JSON.stringify(line),
      stream: 'stdout',
      timestamp: '2026-12-01T02:00:00Z',
      kubernetes: pod,
    };
    const [read] = await remap('lines.vrl', await remap('kubernetes.vrl', [event]));
    expect(read).toMatchObject({
      message: line.msg,
      service: 'api',
      instance: 'qwen-edit-api-7c9',
      namespace: 'pictures',
    });
  });
});

const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  keyword: (value) => ['string', 'number'].includes(typeof value),
  text: (value) => typeof value === 'string',
  long: Number.isInteger,
  double: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  date: (value) => !Number.isNaN(Date.parse(String(value))),
};

/** Arrays have the type of what is in them. */
function expectTyped(value: unknown, mapping: Mapping | undefined, path: string): void {
  expect(mapping, `${path} has no type`).toBeDefined();
  if (Array.isArray(value)) for (const each of value) expectTyped(each, mapping, path);
  else if (typeof value === 'object' && value !== null) {
    // The seconds of stages: a dynamic template gives each one its type.
    if (mapping?.type === 'object') return;
    for (const [name, inner] of Object.entries(value)) {
      expectTyped(inner, typeOf(mapping ?? {}, name), path === '' ? name : `${path}.${name}`);
    }
  } else expect(FITS[mapping?.type ?? '']?.(value), `${path}: ${JSON.stringify(value)}`).toBe(true);
}
