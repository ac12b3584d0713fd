import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { EditHooks, EditRequest, EditResult, Pipeline, PipelineOptions } from '@qwen-edit/pipeline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { type CliDeps, dispatch } from './dispatch.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-cli-'));
  await writeFile(join(folder, 'in.png'), 'a picture');
});
afterEach(() => rm(folder, { recursive: true }));

const timings = { load_s: 0.1, encode_s: 0.2, denoise_s: 0.3, decode_s: 0.4, total_s: 1 };
const receipt = {
  model: { name: 'test', digest: 'abc', demo: true, pipeline: 'QwenImageEditPlusPipeline' },
  parameters: {},
  images: [],
  precision: 'fp32',
  device: 'cpu',
  loras: [],
  speed: { mode: 'exact' as const, steps: 1, computed: 1 },
  versions: {},
  unchanged: [],
};

interface Seen {
  options: PipelineOptions[];
  requests: EditRequest[];
  closed: number;
}

type Edit = (request: EditRequest, hooks: EditHooks) => Promise<EditResult>;

/** Answers each request with as many pictures as it asks for. */
const editAtOnce: Edit = async ({ parameters }, { onStep }) => {
  onStep?.({ stage: 'denoise', step: 1, total: 1 });
  const count = Number(parameters.num_images_per_prompt ?? 1);
  const outputs = Array.from({ length: count }, (_, i) => ({
    width: 32,
    height: 16,
    format: 'png' as const,
    bytes: new TextEncoder().encode(`result ${i}`),
  }));
  return { outputs, seed: '7', timings, receipt, warnings: ['a warning'] };
};

const DEMO: Pipeline['model'] = {
  ...modelNamed('a-demo'),
  demo: true,
  card: {
    name: 'a demo',
    demo: true,
    edits: [
      { kind: 'blur', pictures: 1, title: { en: 'Blur', zh: '模糊' }, prompts: { en: ['blur it'], zh: ['变模糊'] } },
    ],
  },
};

function setUp(edit: Edit = editAtOnce, model = modelNamed('a-model')) {
  const seen: Seen = { options: [], requests: [], closed: 0 };
  const screen = { out: '', err: '' };
  const abort = new AbortController();
  const deps: CliDeps = {
    terminal: {
      out: (text) => {
        screen.out += text;
      },
      err: (text) => {
        screen.err += text;
      },
      errIsTty: false,
      columns: () => 80,
    },
    version: '1.2.3',
    readConfig: () => readConfig({ NO_COLOR: '1' }),
    setNice: () => {},
    demoModelDir: '/the/demo/model',
    createPipeline: async (options) => {
      seen.options.push(options);
      return pipelineOf(edit, seen, model);
    },
    now: () => 0,
    signal: abort.signal,
  };
  const run = (...flags: string[]) =>
    dispatch(
      ['edit', '--image', join(folder, 'in.png'), '--prompt', 'gray', '--out', join(folder, 'out.png'), ...flags],
      deps,
    );
  return { seen, screen, abort, deps, run };
}

function modelNamed(name: string): Pipeline['model'] {
  return { name, demo: false } as Pipeline['model'];
}

function pipelineOf(edit: Edit, seen: Seen, model: Pipeline['model']): Pipeline {
  return {
    edit: (request, hooks = {}) => {
      seen.requests.push(request);
      return edit(request, hooks);
    },
    close: async () => {
      seen.closed++;
    },
    requestSnapshot: () => {},
    stats: () => Promise.reject(new AppError('engine_closed', 'no engine')),
    selfTest: () => Promise.reject(new AppError('engine_closed', 'no engine')),
    lastSelfTest: undefined,
    load_s: 0,
    model,
    enginePid: undefined,
  };
}

it('an edit exits 0, writes the picture, and closes the pipeline', async () => {
  const { run, seen, screen } = setUp();
  expect(await run()).toBe(0);
  expect(await readdir(folder)).toEqual(['in.png', 'out.png']);
  expect(screen.out).toContain('out.png  32 x 16\n');
  expect(screen.err).toContain('warning: a warning\n');
  expect(seen).toMatchObject({ options: [{ modelDir: '/the/demo/model' }], closed: 1 });
});

it('--json prints exactly one object', async () => {
  const { run, screen } = setUp();
  expect(await run('--json', '--num-images', '2')).toBe(0);
  expect(JSON.parse(screen.out)).toEqual({
    outputs: [0, 1].map((i) => ({ path: join(folder, `out-${i}.png`), width: 32, height: 16 })),
    seed: '7',
    timings,
    receipt,
    warnings: ['a warning'],
  });
  expect(screen.out.trimEnd().split('\n')).toHaveLength(1);
  expect(await readFile(join(folder, 'out-1.png'), 'utf8')).toBe('result 1');
});

it('says in a pipe that the demo model is at work, not where another model is, and shows no bar', async () => {
  const demo = setUp(editAtOnce, DEMO);
  await demo.run('--model', '/a/demo');
  expect(demo.screen.err).toMatch(
    /^note: This is a demo model.*It knows: blur;.*"blur it" or "变模糊".*QWEN_EDIT_2511_DIR.*\n/,
  );
  expect(demo.screen.err).not.toContain('\r');
  demo.screen.err = '';
  await demo.run('--json');
  expect(demo.screen.err).not.toContain('demo model');
  const real = setUp();
  await real.run('--model', '/another');
  expect(real.screen.err).not.toContain('demo model');
  expect(real.seen.options[0]?.modelDir).toBe('/another');
});

it('--model comes before QWEN_EDIT_2511_DIR, which comes before the demo model', async () => {
  const { deps, seen, run } = setUp();
  const withModel = () => ({ ...deps.readConfig(), modelDir: '/from/environment', maxCpuThreads: 3 });
  const flags = ['edit', '--image', join(folder, 'in.png'), '--prompt', 'gray', '--out', join(folder, 'out.png')];
  await dispatch(flags, { ...deps, readConfig: withModel });
  await dispatch([...flags, '--model', '/from/flag'], { ...deps, readConfig: withModel });
  await run();
  expect(seen.options.map((options) => options.modelDir)).toEqual([
    '/from/environment',
    '/from/flag',
    '/the/demo/model',
  ]);
  expect(seen.options[0]?.threads).toBe(3);
});

it('bad usage exits 2 before any model is loaded', async () => {
  const { run, seen, screen } = setUp();
  expect(await run('--steps', '40.5')).toBe(2);
  expect(screen.err).toBe(
    "error: --steps must be a whole number, got '40.5' (usage)\nRun `qwen-edit edit --help` to see the flags.\n",
  );
  expect(await run('--steps', '0')).toBe(2);
  expect(seen.options).toEqual([]);
});

it('a missing picture and an unwritable folder exit 1 before any model is loaded', async () => {
  const { run, deps, seen, screen } = setUp();
  expect(await run('--image', join(folder, 'none.png'))).toBe(1);
  expect(screen.err).toContain('none.png cannot be read (ENOENT) (image_not_found)\n');
  const flags = ['edit', '--image', join(folder, 'in.png'), '--prompt', 'x', '--out', join(folder, 'none', 'out.png')];
  expect(await dispatch(flags, deps)).toBe(1);
  expect(screen.err).toContain('(output_unwritable)\n');
  expect(seen.options).toEqual([]);
});

it('a failed edit exits 1, tells JSON readers too, closes the pipeline and leaves nothing', async () => {
  const { run, seen, screen } = setUp(() => Promise.reject(new AppError('out_of_memory', 'No memory is left.')));
  expect(await run('--json')).toBe(1);
  expect(JSON.parse(screen.out)).toEqual({
    error: { code: 'out_of_memory', message: 'No memory is left.', hint: expect.stringContaining('--preset draft') },
  });
  expect(seen.closed).toBe(1);
  expect(await readdir(folder)).toEqual(['in.png']);
});

it('an abort ends an edit that never answers, and leaves nothing and says nothing', async () => {
  const { run, abort, seen, screen } = setUp(() => {
    abort.abort();
    return new Promise(() => {});
  });
  expect(await run('--json')).not.toBe(0);
  expect(seen.closed).toBe(1);
  expect(screen).toEqual({ out: '', err: '' });
  expect(await readdir(folder)).toEqual(['in.png']);
});

it('an unknown command exits 2, --help and --version exit 0', async () => {
  const { deps, screen } = setUp();
  expect(await dispatch(['paint'], deps)).toBe(2);
  expect(await dispatch([], deps)).toBe(2);
  expect(await dispatch(['--version'], deps)).toBe(0);
  expect(screen.out).toBe('1.2.3\n');
  expect(await dispatch(['edit', '--help'], deps)).toBe(0);
  expect(screen.out).toContain('--true-cfg-scale');
});

it('a command that judges exits with its verdict, and prints no error', async () => {
  const { deps, screen } = setUp();
  expect(await dispatch(['plan', 'memory', '--memory', '64GiB'], deps)).toBe(0);
  expect(await dispatch(['plan', 'memory', '--memory', '1MiB'], deps)).toBe(1);
  expect(screen.err).toBe('');
});
