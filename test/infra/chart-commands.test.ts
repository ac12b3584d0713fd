import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { objectNamed, objectsOf, podOf, renderChart, valuesFile } from './chart.ts';
import { toolSuites } from './tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIMIT_MS = 120_000;

interface Ended {
  readonly code: number;
  readonly said: string;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-volume-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the container that looks at the model before a worker, with this folder as its volume /models. */
async function runFirst(values: string, volume: string, ...flags: readonly string[]): Promise<Ended> {
  const objects = objectsOf(await renderChart(valuesFile(values), ...flags));
  const { args, env = [] } = podOf(objectNamed(objects, 'Deployment', 'qwen-edit-worker-gpu'))!.spec
    .initContainers![0]!;
  const inVolume = (text: string): string => text.replace(/^\/models/, volume);
  const settings = Object.fromEntries(
    env.map(({ name, value = 'postgres://a:b@localhost/c' }) => [name, inVolume(value)]),
  );
  return runCommand(args, { HF_HOME: volume, ...settings });
}

/** Runs the command line that a container would run. */
function runCommand(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const bin = join(ROOT, 'apps/cli/bin/qwen-edit.js');
  return new Promise((resolve) => {
    const options = { env: { PATH: environment.PATH, ...env }, timeout: LIMIT_MS };
    const child = execFile(process.execPath, [bin, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    );
  });
}

it.each(await toolSuites(['helm'], ['everything', 'air-gapped', 'sqs-gpu']))(
  '%s: each container runs a command of the program, with flags that it has',
  async (values) => {
    const commands = new Set(
      objectsOf(await renderChart(valuesFile(values))).flatMap((each) => {
        const spec = podOf(each)?.spec;
        return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ args }) => JSON.stringify(args));
      }),
    );
    expect(commands.size).toBeGreaterThan(4);
    for (const command of commands) {
      // Flags are read before the help is given: an unknown one is exit code 2.
      const args = [...(JSON.parse(command) as string[]), '--help'];
      expect({ args, ...(await runCommand(args)) }).toMatchObject({ args, code: 0 });
    }
  },
);

const EMPTY = [
  { values: 'air-gapped', says: 'Qwen-Image-Edit-2511 is not a model folder.' },
  { values: 'scale-to-zero', says: 'Run `qwen-edit model pull Qwen/Qwen-Image-Edit-2511`' },
];
it.each(await toolSuites(['helm'], EMPTY))(
  '$values: a pod whose model volume is empty does not start, and says why',
  async ({ values, says }) => {
    const volume = join(folder, `empty-${values}`);
    await mkdir(volume);
    const { code, said } = await runFirst(values, volume);
    expect(code).toBe(1);
    expect(said).toContain('(model_not_found)');
    expect(said).toContain(says);
  },
);

it.each(await toolSuites(['helm'], ['air-gapped']))(
  '%s: a pod whose volume holds a whole model goes on',
  async (values) => {
    const volume = join(folder, 'whole');
    await cp(join(ROOT, 'packages/demo-model'), join(volume, 'demo'), { recursive: true });
    expect(await runFirst(values, volume, '--set', 'model.path=demo')).toMatchObject({ code: 0 });
  },
);

it.each(await toolSuites(['helm'], ['sqs-gpu']))(
  '%s: the container that downloads names the model and the hub',
  async (values) => {
    const volume = join(folder, 'download');
    await mkdir(volume);
    // A hub that nobody answers at: what matters here is that the command takes its settings from the pod.
    const { code, said } = await runFirst(values, volume, '--set', 'model.hub.endpoint=http://127.0.0.1:9');
    expect(code).toBe(1);
    expect(said).toContain('127.0.0.1:9');
    expect(said).toContain('(hub_unreachable)');
  },
);
