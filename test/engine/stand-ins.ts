import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { FAKE_MODEL } from '../fakes/results.ts';

const engine = (file: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../packages/pipeline/src/process', file)).href);

/**
 * A program that runs `fault` the first time it is started, and is the true engine after that. `fault` is code that can use
 * `pipe`, `send(event)`, `hello()`, `model`, and `on(type, act)`, which calls `act(command)` for each command of that type.
 */
export async function faultyOnce(fault: string): Promise<string> {
  const program = join(await temporaryFolder(), 'stand-in.ts');
  await writeFile(
    program,
    `import { existsSync, writeFileSync } from 'node:fs';
     import { Socket } from 'node:net';
     import { readFrames, writeFrame } from ${engine('framing.ts')};
     import { PROTOCOL_FD, PROTOCOL_VERSION } from ${engine('protocol.ts')};
     const mark = import.meta.filename + '.started';
     if (existsSync(mark)) await import(${engine('child.ts')});
     else {
       writeFileSync(mark, '');
       const pipe = new Socket({ fd: PROTOCOL_FD });
       const send = (event) => writeFrame(pipe, event);
       const hello = () => send({ type: 'hello', version: PROTOCOL_VERSION });
       const model = ${JSON.stringify(FAKE_MODEL)};
       const acts = new Map();
       const on = (type, act) => acts.set(type, act);
       readFrames(pipe, { onFrame: ({ header }) => acts.get(header.type)?.(header), onGarbage: () => process.exit(3) });
       pipe.on('close', () => process.exit(0));
       ${fault}
     }`,
  );
  return program;
}

/** Code of a fault: what an engine does up to its first edit. */
export const LOADS = `hello(); on('load', ({ id }) => send({ type: 'loaded', id, load_s: 0, model }));`;
/** Code of a fault: LOADS, then `fault` when a command asks for an edit; it can use the `id` of that. */
export const inMidEdit = (fault: string): string =>
  `${LOADS} on('edit', ({ id }) => { send({ type: 'step', id, stage: 'denoise', step: 1, total: 2 }); ${fault} });`;
