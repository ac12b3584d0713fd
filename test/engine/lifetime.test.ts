import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { environment } from '../config.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { goneWithin, isThere, pictures, pipelineFor, request } from './edits.ts';

const library = pathToFileURL(join(import.meta.dirname, '../../packages/pipeline/src/index.ts')).href;
/** As Node can do by itself: the main thread waits for ever, once everything is done. */
const HANGS_AT_EXIT = `--import=data:text/javascript,${encodeURIComponent(
  "process.on('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))",
)}`;

describe('the engine ends when its parent is killed', () => {
  it.each([
    ['while it waits for work', ''],
    ['although Node hangs at its end', '', HANGS_AT_EXIT],
    ['in the middle of an edit', 'await new Promise((resolve) => void pipeline.edit(request, { onStep: resolve }));'],
  ])('%s', async (_, before, nodeOptions = '') => {
    const parent = join(await temporaryFolder(), 'parent.ts');
    // It would not end by itself within minutes.
    const wish = request(100, { width: 512, height: 512, num_images_per_prompt: 8 });
    await writeFile(
      parent,
      `import { createPipeline } from ${JSON.stringify(library)};
       const parameters = ${JSON.stringify(wish.parameters)};
       const request = { images: [Buffer.from(${JSON.stringify(Buffer.from(wish.images[0]!).toString('base64'))}, 'base64')], parameters };
       const pipeline = await createPipeline({ modelDir: ${JSON.stringify(checkpointDir('tiny-c'))}, threads: 1 });
       const { pid } = await pipeline.stats();
       ${before}
       console.log(pid);
       setInterval(() => undefined, 1000);`,
    );
    const env = { ...environment, NODE_OPTIONS: nodeOptions };
    const child = spawn(process.execPath, [parent], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const failed = once(child, 'exit').then(() => expect.fail('the parent ended by itself'));
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), failed]);
    const pid = Number(line);
    expect(isThere(pid)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await goneWithin(pid, 20_000);
  });
});

describe('close ends the engine', () => {
  it('during an edit, which rejects with engine_closed, and waiting ones with it', async () => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    let closed: Promise<void> | undefined;
    const edit = pipeline.edit(request(100), {
      onStep: ({ stage, step }) => {
        if (stage === 'denoise' && step === 2) closed = pipeline.close();
      },
    });
    const waiting = pipeline.edit(request(1));
    await Promise.all([expectRefusal(edit, 'engine_closed'), expectRefusal(waiting, 'engine_closed')]);
    await closed;
    expect(isThere(pid)).toBe(false);
  });

  it('while a fresh engine loads the model', async () => {
    const pipeline = await pipelineFor();
    process.kill((await pipeline.stats()).pid, 'SIGKILL');
    await expectRefusal(pipeline.stats(), 'engine_crashed');
    const edit = pipeline.edit(request(1), { onStep: ({ stage }) => stage === 'load' && void pipeline.close() });
    await expectRefusal(edit, 'engine_closed');
  });

  it('when it is idle; closing again does nothing, and nothing can be asked any more', async () => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    await pipeline.close();
    expect(isThere(pid)).toBe(false);
    await pipeline.close();
    await expectRefusal(pipeline.edit(request(1)), 'engine_closed');
    await expectRefusal(pipeline.stats(), 'engine_closed');
    pipeline.requestSnapshot();
  });
});

describe('an engine that is killed from outside', () => {
  it('rejects its edit with engine_crashed, and the next edit runs in a fresh process', async () => {
    const pipeline = await pipelineFor();
    const wanted = pictures(await pipeline.edit(request(2)));
    const { pid } = await pipeline.stats();
    const edit = pipeline.edit(request(100), {
      onStep: ({ stage, step }) => stage === 'denoise' && step === 2 && process.kill(pid, 'SIGKILL'),
    });
    await expectRefusal(edit, 'engine_crashed', 'SIGKILL', 'short of memory');
    expect(isThere(pid)).toBe(false);
    expect(pictures(await pipeline.edit(request(2)))).toEqual(wanted);
    expect((await pipeline.stats()).pid).not.toBe(pid);
  });

  it('is replaced once, however many edits are asked for at the same time', async () => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    process.kill(pid, 'SIGKILL');
    await expectRefusal(pipeline.stats(), 'engine_crashed');
    const [first, , second] = await Promise.all([pipeline.stats(), pipeline.edit(request(1)), pipeline.stats()]);
    expect(first.pid).not.toBe(pid);
    expect(second.pid).toBe(first.pid);
  });
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s is the business of the parent, the engine works on',
  async (signal) => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    let sent = false;
    const edit = pipeline.edit(request(10), {
      onStep: ({ stage }) => {
        if (stage === 'denoise' && !sent) sent = process.kill(pid, signal);
      },
    });
    expect((await edit).outputs).toHaveLength(1);
    expect((await pipeline.stats()).pid).toBe(pid);
  },
);
