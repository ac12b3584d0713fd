import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { readFrames, writeFrame } from '../../packages/pipeline/src/process/framing.ts';
import {
  type EngineCommand,
  type EngineEvent,
  engineEventSchema,
} from '../../packages/pipeline/src/process/protocol.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { request } from './edits.ts';

const program = join(import.meta.dirname, '../../packages/pipeline/src/process/child.ts');
const LOAD = {
  type: 'load',
  kernels: 'fast',
  id: 1,
  modelDir: checkpointDir('tiny-c'),
  device: 'cpu',
  precision: 'fp32',
  threads: 1,
} as const satisfies EngineCommand;
const EDIT: EngineCommand = {
  type: 'edit',
  id: 2,
  parameters: request(20).parameters,
  images: 1,
  resume: false,
  returnLatents: false,
};
const PICTURE = inputBytes('sq_72x72');

/** Starts the engine's program without the parent's side of the protocol. */
function startChild(): {
  child: ChildProcess;
  pipe: Duplex;
  events: EngineEvent[];
  until: (type: string, id?: number) => Promise<EngineEvent>;
} {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  });
  const pipe = child.stdio[3];
  if (!(pipe instanceof Duplex)) throw new TypeError('no pipe');
  const events: EngineEvent[] = [];
  let heard = (): void => undefined;
  readFrames(pipe, {
    onFrame: ({ header }) => {
      events.push(engineEventSchema.parse(header));
      heard();
    },
    onGarbage: (what) => expect.fail(what),
  });
  const until = async (type: string, id?: number): Promise<EngineEvent> => {
    for (;;) {
      const found = events.find(
        (event) => event.type === type && (id === undefined || ('id' in event && event.id === id)),
      );
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  return { child, pipe, events, until };
}

/** Several frames in one chunk of bytes. */
function together(...frames: [EngineCommand, Uint8Array[]?][]): Buffer {
  const stream = new PassThrough();
  for (const [header, parts] of frames) writeFrame(stream, header, parts);
  const chunks: Buffer[] = [];
  while (stream.readableLength > 0) chunks.push(stream.read());
  return Buffer.concat(chunks);
}

it('a cancel in the same chunk as its edit ends it before its first step', async () => {
  const { pipe, events, until } = startChild();
  pipe.write(together([LOAD]));
  await until('loaded');
  pipe.write(together([EDIT, [PICTURE]], [{ type: 'cancel', id: 3 }]));
  expect(await until('error')).toMatchObject({ id: 2, code: 'canceled' });
  expect(events.some((event) => event.type === 'step' && event.stage === 'denoise')).toBe(false);
});

it('a cancel ends the work that was sent before it, not the work that was sent after it', async () => {
  const { pipe, until } = startChild();
  pipe.write(together([LOAD]));
  await until('loaded');
  pipe.write(
    together(
      [{ type: 'cancel', id: 2 }],
      [{ ...EDIT, id: 3 }, [PICTURE]],
      [{ type: 'cancel', id: 4 }],
      [{ ...EDIT, id: 5 }, [PICTURE]],
    ),
  );
  expect(await until('error')).toMatchObject({ id: 3, code: 'canceled' });
  expect(await until('result')).toMatchObject({ id: 5 });
});

it('a request for a snapshot in the same chunk as its edit is answered, once', async () => {
  const { pipe, events, until } = startChild();
  pipe.write(together([LOAD]));
  await until('loaded');
  pipe.write(together([EDIT, [PICTURE]], [{ type: 'snapshot', id: 3 }]));
  await until('result');
  expect(events.filter((event) => event.type === 'snapshot')).toMatchObject([{ id: 2, step: 1, total: 20 }]);
});

it('an edit before a model is loaded is a typed error, and a load that fails can be tried again', async () => {
  const { pipe, until } = startChild();
  pipe.write(
    together([{ ...EDIT, id: 1 }, [PICTURE]], [{ ...LOAD, id: 2, modelDir: 'nowhere' }], [{ ...LOAD, id: 3 }]),
  );
  expect(await until('error', 1)).toMatchObject({ code: 'engine_protocol' });
  expect(await until('error', 2)).toMatchObject({ code: 'model_not_found' });
  await until('loaded', 3);
});

it.each([{ device: 'tpu' }, { precision: 'int3' }])('a load with an unknown %j is a typed error', async (unknown) => {
  const { pipe, until } = startChild();
  pipe.write(together([{ ...LOAD, ...unknown }]));
  expect(await until('error')).toMatchObject({ id: 1, code: 'invalid_parameter' });
});

it.each<[string, Buffer, number | null, string | null]>([
  ['bytes that are no message', Buffer.from('GET / HTTP/1.1'), 2, null],
  ['an unknown command', together([{ type: 'dance', id: 1 } as unknown as EngineCommand]), 2, null],
  ['a shutdown', together([{ type: 'shutdown', id: 1 }]), null, 'SIGKILL'],
])('after %s the process ends', async (_, bytes, code, signal) => {
  const { child, pipe, until } = startChild();
  await until('hello');
  pipe.write(bytes);
  expect(await once(child, 'exit')).toEqual([code, signal]);
});
