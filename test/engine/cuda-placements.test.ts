import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { buildStandIn } from './cuda-stand-in/build-stand-in.ts';

/**
 * A folder with libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so, as in `onnxruntime/capi` of PyPI's onnxruntime-gpu
 * in the version of onnxruntime-node. They are 250 MB: by hand only.
 */
const provider = environment.QWEN_EDIT_TEST_CUDA_PROVIDER ?? '';

/** Shape arithmetic, over a few whole numbers and a scale. */
const ARITHMETIC = ['Cast', 'Concat', 'Gather', 'Mul', 'Sqrt'];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-cuda-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Operators by the provider that each graph's nodes were placed on; none are named where all nodes are on one. */
function placements(log: string): Map<string, { cuda: number; cpu: string[] }> {
  const graphs = new Map<string, { cuda: number; cpu: string[] }>();
  for (const part of log.split('\nopens ').slice(1)) {
    const placed = { cuda: 0, cpu: [] as string[] };
    let onCpu = false;
    for (const line of part.split('\n')) {
      const group = /odes? ?(?:\(s\) )?placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line);
      if (group !== null) onCpu = group[1] === 'CPUExecutionProvider';
      if (group !== null && !onCpu) placed.cuda += Number(group[2]);
      const op = /VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/.exec(line)?.[1];
      if (op !== undefined && onCpu) placed.cpu.push(op);
    }
    graphs.set(part.split('\n')[0] ?? '', placed);
  }
  return graphs;
}

describe.runIf(provider !== '')("ONNX Runtime's own CUDA provider, over stand-ins for CUDA's libraries", () => {
  it('opens every graph, and places all of it on the card but shape arithmetic', async () => {
    const { runtime, libraries } = await buildStandIn(provider, folder);
    const program = join(import.meta.dirname, 'placement-program.ts');
    // Not through a pipe: ONNX Runtime loses lines where one is full.
    const log = await open(join(folder, 'log'), 'w+');
    const child = spawn(process.execPath, ['--no-warnings', program, runtime, folder], {
      env: { ...environment, LD_LIBRARY_PATH: libraries },
      stdio: ['ignore', 'ignore', log.fd],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    await log.close();
    const said = await readFile(join(folder, 'log'), 'utf8');
    expect(code, said.slice(-2000)).toBe(0);
    const graphs = placements(said);
    expect(graphs.size).toBeGreaterThan(20);
    for (const [name, { cuda, cpu }] of graphs) {
      expect(cuda, name).toBeGreaterThan(0);
      expect(
        cpu.filter((op) => !ARITHMETIC.includes(op)),
        name,
      ).toEqual([]);
    }
  }, 600_000);
});
