import type { ErrorCode } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { createPipeline, type PipelineOptions } from '../../packages/pipeline/src/index.ts';
import { PROTOCOL_VERSION } from '../../packages/pipeline/src/process/protocol.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { goneWithin, isThere, pipelineFor, request } from './edits.ts';
import { withPatience } from './patience.ts';
import { faultyOnce, inMidEdit, LOADS } from './stand-ins.ts';

/** A frame's prefix: magic, bytes of the header, number of parts. */
const prefix = (magic: string, header: number, parts: number): string =>
  `const b = Buffer.alloc(12); b.write('${magic}'); b.writeUInt32BE(${header}, 4); b.writeUInt32BE(${parts}, 8); pipe.write(b);`;

type Fault = [string, string, ErrorCode, string];

describe('an engine that does not begin with hello is a typed error', () => {
  it.each<Fault>([
    ['words instead of a message', `pipe.write('Segmentation fault, core dumped');`, 'engine_protocol', 'no message'],
    ['another version', `send({ type: 'hello', version: 1 });`, 'engine_protocol', `version ${PROTOCOL_VERSION}`],
    ['no greeting first', `send({ type: 'alive' });`, 'engine_protocol', `version ${PROTOCOL_VERSION}`],
    ['an unknown message', `send({ type: 'howdy' });`, 'engine_protocol', 'fits no schema'],
    ['an end with exit code 0', 'process.exit(0);', 'engine_crashed', 'exit code 0'],
    ['a missing module', `await import('no-such-module');`, 'engine_crashed', 'no-such-module'],
  ])('%s', async (_, fault, code, says) => {
    const options = { modelDir: checkpointDir('tiny-c'), threads: 1, program: await faultyOnce(fault) };
    await expectRefusal(createPipeline(options), code, says);
  });

  it('a program that is not there', async () => {
    const options = { modelDir: checkpointDir('tiny-c'), threads: 1, program: `${import.meta.dirname}/none.ts` };
    await expectRefusal(createPipeline(options), 'engine_crashed', 'none.ts');
  });

  it('a program that never sends anything', async () => {
    const options = { modelDir: checkpointDir('tiny-c'), threads: 1, program: await faultyOnce(''), silenceMs: 300 };
    await expectRefusal(createPipeline(options), 'engine_silent', '0.3 s');
  });
});

describe('an engine that fails in the middle of an edit is a typed error, and the next edit has a fresh one', () => {
  it.each<Fault>([
    [
      'bytes that are no message',
      `pipe.write('terminate called without an active exception');`,
      'engine_protocol',
      'no message',
    ],
    ['a header of impossible size', prefix('QEF1', 2 ** 31, 0), 'engine_protocol', 'impossible size'],
    ['an impossible number of parts', prefix('QEF1', 2, 2 ** 31), 'engine_protocol', 'impossible size'],
    [
      'a part of impossible size',
      `${prefix('QEF1', 2, 1)} pipe.write(Buffer.alloc(8, 255)); pipe.write('{}');`,
      'engine_protocol',
      'impossible size',
    ],
    ['a header that is not JSON', `${prefix('QEF1', 4, 0)} pipe.write('{{{{');`, 'engine_protocol', 'not JSON'],
    [
      'a step that fits no schema',
      `send({ type: 'step', id, stage: 'dream', step: 1, total: 2 });`,
      'engine_protocol',
      'schema',
    ],
    [
      'an error code that no one knows',
      `send({ type: 'error', id, code: 'oops', message: '', hint: '' });`,
      'engine_protocol',
      'schema',
    ],
    [
      'the answer to another question',
      `send({ type: 'loaded', id, load_s: 1, model });`,
      'engine_protocol',
      'something else',
    ],
    [
      'an abort with last words',
      `process.stderr.write('first\\nlibc++abi: terminating\\nout of patience\\n', () => process.exit(134));`,
      'engine_crashed',
      'exit code 134. It last said: first libc++abi: terminating out of patience',
    ],
    ['a signal', `process.kill(process.pid, 'SIGKILL');`, 'engine_crashed', 'SIGKILL'],
    [
      'half a message, then the end',
      `${prefix('QEF1', 100, 0)} pipe.end(() => process.exit(1));`,
      'engine_crashed',
      'exit code 1',
    ],
  ])('%s', async (_, fault, code, says) => {
    const pipeline = await pipelineFor({ program: await faultyOnce(inMidEdit(fault)) });
    await expectRefusal(pipeline.edit(request(1)), code, says);
    expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
  });

  it('silence', () =>
    withPatience(async (silenceMs) => {
      const pipeline = await pipelineFor({ program: await faultyOnce(inMidEdit('')), silenceMs });
      await expectRefusal(pipeline.edit(request(1)), 'engine_silent', `nothing for ${silenceMs / 1000} s`);
      // The true engine follows: while it starts, it must be able to send something within this time.
      expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
    }));

  it('an answer that never comes, while it says that it is alive, is no silence', () =>
    withPatience(async (silenceMs) => {
      const talk = `setInterval(() => send({ type: 'alive' }), 50).unref(); setTimeout(() => send({ type: 'error', id, code: 'out_of_memory', message: 'too much', hint: 'Ask for less.' }), ${1.5 * silenceMs});`;
      const pipeline = await pipelineFor({ program: await faultyOnce(inMidEdit(talk)), silenceMs });
      await expectRefusal(pipeline.edit(request(1)), 'out_of_memory', 'too much');
    }));

  it('a cancel that is never answered ends the engine after its grace, with canceled', async () => {
    const options: Partial<PipelineOptions> = { program: await faultyOnce(inMidEdit('')), cancelGraceMs: 200 };
    const pipeline = await pipelineFor(options);
    const controller = new AbortController();
    const edit = pipeline.edit(request(1), { signal: controller.signal, onStep: () => controller.abort() });
    await expectRefusal(edit, 'canceled', 'did not answer in time');
    expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
  });
});

it('an engine that ignores shutdown is killed', async () => {
  const stubborn = `${LOADS} pipe.removeAllListeners('close'); setInterval(() => undefined, 1000);
    on('stats', ({ id }) => send({ type: 'stats', id, stats: { pid: process.pid, uptime_s: 0, edits: 0, rss: 1, peak_rss: 1 } }));`;
  const pipeline = await pipelineFor({ program: await faultyOnce(stubborn) });
  const { pid } = await pipeline.stats();
  await pipeline.close();
  expect(isThere(pid)).toBe(false);
});

it('an engine that is done and does not end is killed, and replaced', async () => {
  const hang = `${LOADS} pipe.removeAllListeners('close'); setInterval(() => undefined, 1000);
    on('edit', () => pipe.destroy());`;
  const pipeline = await pipelineFor({ program: await faultyOnce(hang) });
  const pid = pipeline.enginePid!;
  await expectRefusal(pipeline.edit(request(1)), 'engine_crashed', 'did not end');
  await goneWithin(pid, 20_000);
  expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
});
