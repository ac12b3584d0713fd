import { describe, expect, it } from 'vitest';
import type { FloatArray } from '../../packages/pipeline/src/arrays.ts';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import {
  type EngineContext,
  loadSegmentChain,
  type Segment,
} from '../../packages/pipeline/src/engine/segment-chain.ts';
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
function doublesGraph(): Graph {
  const g = createGraph('doubles');
  const x = g.input('x', ['n']);
  g.output('y', g.op('Add', [x, x]), ['n']);
  g.output('kept', x, ['n']);
  return g;
}

/** y, by -> y = y · by. */
function multipliesGraph(): Graph {
  const g = createGraph('multiplies');
  g.output('y', g.op('Mul', [g.input('y', ['n']), g.input('by', ['n'])]), ['n']);
  return g;
}

/** y, kept -> z = y + kept. */
function addsGraph(): Graph {
  const g = createGraph('adds');
  g.output('z', g.op('Add', [g.input('y', ['n']), g.input('kept', ['n'])]), ['n']);
  return g;
}

const doubles: Segment = { name: 'doubles', build: doublesGraph };
const multiplies: Segment = { name: 'multiplies', build: multipliesGraph };
const adds: Segment = { name: 'adds', build: addsGraph };

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
    const counted = (each: Segment): Segment => ({
      name: each.name,
      build() {
        built.push(each.name);
        return each.build();
      },
    });
    const segments = [doubles, adds].map(counted);
    await expect(loadSegmentChain(context, segments)).rejects.toThrow('stopped here');
    expect(built).toEqual([]);
  });

  it('runs each segment for all inputs before the next one', async () => {
    const chain = await loadSegmentChain(quiet, [doubles, multiplies, adds]);
    const outputs = await chain.runEach([
      { x: one(3), by: one(10) },
      { x: one(1), by: one(2) },
    ]);
    expect(outputs).toEqual([{ z: one(63) }, { z: one(5) }]);
  });

  it('opens what is not held for its run only, and gives the same', async () => {
    const built: string[] = [];
    const counted = (each: Segment): Segment => ({
      name: each.name,
      build() {
        built.push(each.name);
        return each.build();
      },
    });
    const chain = await loadSegmentChain(quiet, [doubles, multiplies, adds].map(counted), {
      holding: { held: 1, stays: true, prepacks: false },
    });
    built.length = 0;
    for (let i = 0; i < 2; i++) expect(await chain.run({ x: one(3), by: one(10) })).toEqual({ z: one(63) });
    expect(built).toEqual(['multiplies', 'adds', 'multiplies', 'adds']);
    await chain.hold({ held: 3, stays: false, prepacks: false });
    await chain.run({ x: one(3), by: one(10) });
    await chain.run({ x: one(3), by: one(10) });
    expect(built.slice(4)).toEqual(['multiplies', 'adds']);
    await chain.endStage();
    await chain.run({ x: one(3), by: one(10) });
    expect(built.slice(6)).toEqual(['doubles', 'multiplies', 'adds']);
  });

  it('names the input that no one gave', async () => {
    const chain = await loadSegmentChain(quiet, [doubles, multiplies]);
    await expect(chain.run({ x: one(1) })).rejects.toMatchObject({
      code: 'internal',
      message: 'A segment has no value for its input by.',
    });
  });
});
