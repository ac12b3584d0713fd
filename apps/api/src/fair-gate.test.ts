import { expect, it } from 'vitest';
import { createFairGate, type FairGateOptions, type GateTask } from './fair-gate.ts';

/** A gate whose tasks end when the test says so. */
function useGate(options: FairGateOptions) {
  const gate = createFairGate(options);
  const running = new Map<string, () => void>();
  const started: string[] = [];
  /** Adds a task, and gives it its turn if it has one. */
  const add = async (name: string, task: GateTask): Promise<void> => {
    void gate.run(task, () => {
      started.push(name);
      return new Promise<void>((resolve) => running.set(name, resolve));
    });
    await new Promise(setImmediate);
  };
  /** Ends a task, and gives what it lets start its turn. */
  const end = async (name: string): Promise<void> => {
    running.get(name)?.();
    running.delete(name);
    await new Promise(setImmediate);
  };
  return { add, end, started };
}

it('a picture of one owner does not wait for the eight of another', async () => {
  const { add, end, started } = useGate({ atOnce: 3, bytes: 100 });
  for (let n = 1; n <= 8; n++) await add(`a${n}`, { owner: 'a', bytes: 40 });
  await add('b1', { owner: 'b', bytes: 1 });
  expect(started, 'one place, and half of the memory, stay free for others').toEqual(['a1', 'b1']);
  await add('b2', { owner: 'b', bytes: 1 });
  await add('c1', { owner: 'c', bytes: 1 });
  expect(started).toEqual(['a1', 'b1', 'b2']);
  await end('a1');
  expect(started.at(-1), 'c has run nothing yet').toBe('c1');
  await end('b2');
  expect(started.at(-1)).toBe('a2');
});

it('what runs never takes more places or memory than there are, and all of it is done in order, also after failures', async () => {
  const gate = createFairGate({ atOnce: 3, bytes: 100 });
  const now = { running: 0, bytes: 0 };
  const order: Record<string, number[]> = { a: [], b: [], c: [] };
  const tasks = Array.from({ length: 60 }, (_, n) => {
    const owner = 'abc'[n % 3]!;
    const bytes = [10, 60, 90, 250][n % 4]!;
    const work = async (): Promise<void> => {
      now.running++;
      now.bytes += bytes;
      order[owner]!.push(n);
      expect(now.running).toBeLessThanOrEqual(3);
      expect(now.bytes <= 100 || now.running === 1, `${now.bytes} bytes in ${now.running} tasks`).toBe(true);
      await new Promise(setImmediate);
      now.running--;
      now.bytes -= bytes;
      if (n % 5 === 0) throw new Error('planted');
    };
    return gate.run({ owner, bytes }, work).then(
      () => 'done',
      (thrown: Error) => thrown.message,
    );
  });
  const ends = await Promise.all(tasks);
  expect(ends).toEqual(ends.map((_, n) => (n % 5 === 0 ? 'planted' : 'done')));
  for (const numbers of Object.values(order)) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});

it('a task that needs all memory has its turn among small ones', async () => {
  const { add, end, started } = useGate({ atOnce: 2, bytes: 100 });
  await add('small 1', { owner: 'a', bytes: 10 });
  await add('large', { owner: 'b', bytes: 100 });
  await add('small 2', { owner: 'c', bytes: 10 });
  expect(started).toEqual(['small 1']);
  await end('small 1');
  expect(started).toEqual(['small 1', 'large']);
  await end('large');
  expect(started).toEqual(['small 1', 'large', 'small 2']);
});
