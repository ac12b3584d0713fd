import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createPipeline, type StepEvent } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { goneWithin, isThere, pipelineFor, request } from './edits.ts';
import { faultyOnce } from './stand-ins.ts';

const fake = join(import.meta.dirname, '../fakes/engine.ts');

describe('a loaded pipeline has facts', () => {
  it('of the demo model', async () => {
    const pipeline = await pipelineFor({ modelDir: checkpointDir('demo') });
    expect(pipeline.model).toEqual({
      name: 'demo-model',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      demo: true,
      num_inference_steps: 6,
      true_cfg_scale: 1,
      max_images: 8,
      min_inference_steps: 2,
      vae_image_size: 65_536,
      condition_image_size: 9216,
      output_image_size: 65_536,
      reference_size: 'output',
      size_multiple: 8,
      device: 'cpu',
      precision: 'fp32',
      shape: expect.objectContaining({ transformer: expect.objectContaining({ layers: 5, hidden_size: 128 }) }),
      presets: [expect.objectContaining({ name: 'fast', num_inference_steps: 2 })],
      loras: [expect.objectContaining({ name: 'pencil' })],
      card: expect.objectContaining({ demo: true, licence: 'Apache-2.0' }),
    });
  });

  it('the same as in the receipts of its edits', async () => {
    const pipeline = await pipelineFor();
    const { receipt } = await pipeline.edit(request(1));
    const { name, digest, demo, device, precision } = pipeline.model;
    const named = { name, digest, demo, pipeline: 'QwenImageEditPlusPipeline' };
    expect({ model: named, device, precision }).toEqual({
      model: receipt.model,
      device: receipt.device,
      precision: receipt.precision,
    });
  });

  it('the process id of its engine, as long as there is one', async () => {
    const pipeline = await pipelineFor();
    const pid = pipeline.enginePid!;
    expect(pid).toBe((await pipeline.stats()).pid);
    process.kill(pid, 'SIGKILL');
    await expectRefusal(pipeline.stats(), 'engine_crashed');
    expect(pipeline.enginePid).toBeUndefined();
    await pipeline.edit(request(1));
    expect(isThere(pipeline.enginePid!)).toBe(true);
    expect(pipeline.enginePid).not.toBe(pid);
    await pipeline.close();
    expect(pipeline.enginePid).toBeUndefined();
  });
});

describe('a signal that is aborted', () => {
  const silent = `hello(); on('load', ({ id }) => {
    writeFileSync(mark, String(process.pid));
    send({ type: 'step', id, stage: 'load', step: 0, total: 4 });
  });`;

  it('ends the loading, with canceled, and the engine that loads has ended', async () => {
    const program = await faultyOnce(silent);
    const controller = new AbortController();
    const loading = createPipeline({
      modelDir: 'anywhere',
      program,
      signal: controller.signal,
      onStep: () => controller.abort(),
    });
    await expectRefusal(loading, 'canceled', 'loading');
    expect(isThere(Number(await readFile(`${program}.started`, 'utf8')))).toBe(false);
  });

  it('before the loading starts no engine', async () => {
    const program = await faultyOnce(silent);
    await expectRefusal(
      createPipeline({ modelDir: 'anywhere', program, signal: AbortSignal.abort() }),
      'canceled',
      'loading',
    );
    await expect(readFile(`${program}.started`)).rejects.toThrow('ENOENT');
  });

  it('after the loading changes nothing', async () => {
    const controller = new AbortController();
    const pipeline = await pipelineFor({ signal: controller.signal });
    const { enginePid } = pipeline;
    controller.abort();
    expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
    expect(pipeline.enginePid).toBe(enginePid);
  });

  it('ends an edit that waits for a fresh engine at once; the engine goes on loading for the next', async () => {
    const pipeline = await pipelineFor({ program: fake, modelDir: 'each:200ms' });
    await expectRefusal(pipeline.edit(request(1, { prompt: 'crash:exit3' })), 'engine_crashed', 'exit code 3');
    const controller = new AbortController();
    const heard: StepEvent[] = [];
    const edit = pipeline.edit(request(1), {
      signal: controller.signal,
      onStep(event) {
        heard.push(event);
        controller.abort();
      },
    });
    await expectRefusal(edit, 'canceled', 'before it began');
    const { enginePid } = pipeline;
    expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
    expect(pipeline.enginePid).toBe(enginePid);
    expect(heard).toEqual([{ stage: 'load', step: 0, total: 4 }]);
  });

  it('before the edit is asked for ends it at once, though others wait before it', async () => {
    const pipeline = await pipelineFor({ program: fake });
    const controller = new AbortController();
    const first = pipeline.edit(request(1, { prompt: 'each:60s' }), { signal: controller.signal });
    await expectRefusal(pipeline.edit(request(1), { signal: AbortSignal.abort() }), 'canceled', 'before it began');
    controller.abort();
    await expectRefusal(first, 'canceled');
  });
});

describe('niceness', () => {
  it('is added to that of this process', async () => {
    const pipeline = await pipelineFor({ program: fake, nice: 3 });
    expect(getPriority(pipeline.enginePid!)).toBe(Math.min(getPriority() + 3, 19));
    const usual = await pipelineFor({ program: fake });
    expect(getPriority(usual.enginePid!)).toBe(getPriority());
  });

  it('beyond the limits of the system is reduced to them; one that is no whole number is refused', async () => {
    const pipeline = await pipelineFor({ program: fake, nice: 1000 });
    expect(getPriority(pipeline.enginePid!)).toBe(19);
    await expectRefusal(createPipeline({ modelDir: 'anywhere', nice: 0.5 }), 'invalid_parameter', 'nice');
  });
});

it('importing the library does not load ONNX Runtime', async () => {
  const library = pathToFileURL(join(import.meta.dirname, '../../packages/pipeline/src/index.ts')).href;
  const script = `await import(${JSON.stringify(library)});
    console.log(process.report.getReport().sharedObjects.filter((path) => /onnx|vips/.test(path)).join());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const loaded = (await child.stdout.toArray()).join('');
  expect(await closed).toEqual([0, null]);
  expect(loaded).toContain('vips');
  expect(loaded).not.toContain('onnx');
  await goneWithin(child.pid!, 1000);
});

it('the roles in the image of the API load none of the packages that it lacks', async () => {
  const root = join(import.meta.dirname, '../..');
  const [, image = ''] =
    /^FROM modules AS api-modules\n(.*?)\n\n/ms.exec(await readFile(join(root, 'infra/docker/Dockerfile'), 'utf8')) ??
    [];
  const lacking = [...image.matchAll(/ dependencies\.(\S+)/g)].map(([, name]) => name);
  expect(lacking).toContain('onnxruntime-node');
  const roles = ['dispatch', 'roles/parts', 'roles/start-api', 'roles/start-dispatcher', 'service/service-dispatch'];
  const modules = roles.map((name) => pathToFileURL(join(root, `apps/cli/src/${name}.ts`)).href);
  const script = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (${JSON.stringify(lacking)}.some((each) => name === each || name.startsWith(each + '/'))) throw new Error(name + ' from ' + context.parentURL);
      return next(name, context);
    } });
    for (const name of ${JSON.stringify(modules)}) await import(name);`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]).catch(
    (thrown: { readonly stderr: string }) => thrown,
  );
  expect(stderr.split('\n').filter((line) => line.startsWith('Error: '))).toEqual([]);
});
