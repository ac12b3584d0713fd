import { describe, expect, it } from 'vitest';
import type { FloatArray } from '../../packages/pipeline/src/arrays.ts';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { type EngineContext, loadSegmentChain } from '../../packages/pipeline/src/engine/segment-chain.ts';
import { createGraph, type Graph } from '../../packages/pipeline/src/onnx/graph.ts';

const contextWith = (pause: () => Promise<void>): EngineContext => ({
  device: deviceNamed(),
  precision: precisionNamed(),
  threads: 1,
  root: '.',
  pause,
});
const quiet = contextWith(async () => undefined);
const one = (value: number): FloatArray => ({ data: Float32Array.of(value), dims: [1] });

/** x -> y = 2 x, kept = x. */
function doubles(): Graph {
  const g = createGraph('doubles');
  const x = g.input('x', ['n']);
  g.output('y', g.op('Add', [x, x]), ['n']);
  g.output('kept', x, ['n']);
  return g;
}

/** y, by -> y = y · by. */
function multiplies(): Graph {
  const g = createGraph('multiplies');
  g.output('y', g.op('Mul', [g.input('y', ['n']), g.input('by', ['n'])]), ['n']);
  return g;
}

/** y, kept -> z = y + kept. */
function adds(): Graph {
  const g = createGraph('adds');
  g.output('z', g.op('Add', [g.input('y', ['n']), g.input('kept', ['n'])]), ['n']);
  return g;
}

describe('a chain of segments', () => {
  it('hands each segment its inputs by name: what the caller gave, and the latest outputs of the segments before', async () => {
    const chain = await loadSegmentChain(quiet, [doubles, multiplies, multiplies, adds]);
    const outputs = await chain.run({ x: one(3), by: one(10) });
    expect(outputs).toEqual({ z: one(603) });
  });

  it('pauses once before each segment is loaded and once before each is run', async () => {
    let pauses = 0;
    const context = contextWith(async () => {
      pauses++;
    });
    const chain = await loadSegmentChain(context, [doubles, multiplies, adds]);
    expect(pauses).toBe(3);
    await chain.run({ x: one(1), by: one(1) });
    expect(pauses).toBe(6);
  });

  it('ends between two segments if a pause throws, and can be run again', async () => {
    let left = Number.POSITIVE_INFINITY;
    const context = contextWith(async () => {
      if (left-- === 0) throw new RangeError('stopped here');
    });
    const chain = await loadSegmentChain(context, [doubles, adds]);
    left = 1;
    await expect(chain.run({ x: one(1) })).rejects.toThrow('stopped here');
    left = Number.POSITIVE_INFINITY;
    expect(await chain.run({ x: one(1) })).toEqual({ z: one(3) });
  });

  it('loads no segment after a pause that throws', async () => {
    const built: string[] = [];
    const context = contextWith(async () => {
      throw new RangeError('stopped here');
    });
    const segments = [doubles, adds].map((build) => () => {
      built.push(build.name);
      return build();
    });
    await expect(loadSegmentChain(context, segments)).rejects.toThrow('stopped here');
    expect(built).toEqual(['doubles']);
  });

  it('names the input that no one gave', async () => {
    const chain = await loadSegmentChain(quiet, [doubles, multiplies]);
    await expect(chain.run({ x: one(1) })).rejects.toMatchObject({
      code: 'internal',
      message: 'A segment has no value for its input by.',
    });
  });
});
