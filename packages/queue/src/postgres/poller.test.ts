import { AppError } from '@qwen-edit/contract';
import { afterEach, expect, it } from 'vitest';
import { createPoller, type Poller } from './poller.ts';
import type { QueueTable, Receivers, TableMessage } from './queue-table.ts';

/** A table in memory that counts its statements. `hold` keeps a take from ending. */
function memoryTable() {
  const visible: string[] = [];
  const leftBy: Record<string, readonly string[]> = {};
  const asked: Receivers[] = [];
  const shown: string[] = [];
  const calls = { take: 0, nextVisibleMs: 0 };
  const state: { next: number | undefined; error: AppError | undefined; hold: Promise<void> | undefined } = {
    next: undefined,
    error: undefined,
    hold: undefined,
  };
  const table: QueueTable = {
    async take({ max, workers }): Promise<readonly TableMessage[]> {
      calls.take++;
      asked.push(workers);
      const taken = visible.splice(0, max);
      await state.hold;
      if (state.error !== undefined) throw state.error;
      return taken.map((jobId) => ({ jobId, receipt: '1', leftBy: leftBy[jobId] ?? [] }));
    },
    async nextVisibleMs() {
      calls.nextVisibleMs++;
      return state.next;
    },
    async show({ jobId }) {
      shown.push(jobId);
    },
    hide: () => Promise.resolve(),
    send: () => Promise.resolve(),
  };
  return { table, visible, leftBy, asked, shown, calls, state };
}

let poller: Poller;
let memory: ReturnType<typeof memoryTable>;

function start(pollMs = 60_000): void {
  memory = memoryTable();
  poller = createPoller({ table: memory.table, hideMs: 1000, pollMs, log: undefined });
}

const receive = (max: number, waitMs: number, signal = new AbortController().signal, workerId?: string) =>
  poller.receive({ max, waitMs, signal, workerId }).then((messages) => messages.map(({ jobId }) => jobId));

/** Resolves when everything that needs no timer has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => poller.close());

it('what is visible comes at once', async () => {
  start();
  memory.visible.push('a', 'b', 'c');
  expect(await receive(2, 60_000)).toEqual(['a', 'b']);
  expect(await receive(2, 60_000)).toEqual(['c']);
});

it('a wait of no time still looks once', async () => {
  start();
  expect(await receive(1, 0)).toEqual([]);
  memory.visible.push('a');
  expect(await receive(1, 0)).toEqual(['a']);
});

it('waiting costs two statements, and nothing while nobody waits', async () => {
  start();
  expect(await receive(1, 300)).toEqual([]);
  expect(memory.calls).toEqual({ take: 1, nextVisibleMs: 1 });
  poller.wake();
  await settled();
  expect(memory.calls.take).toBe(1);
});

it('one statement looks for all receivers, and who came first is served first', async () => {
  start();
  const first = receive(2, 60_000);
  const others = [receive(1, 60_000), receive(1, 60_000), receive(1, 60_000)];
  await settled();
  const before = memory.calls.take;
  memory.visible.push('a', 'b', 'c');
  poller.wake();
  expect(await first).toEqual(['a', 'b']);
  expect(await others[0]).toEqual(['c']);
  expect(memory.calls.take).toBe(before + 1);
});

it('a message that one worker leaves to others goes to another one, and is shown again if there is none', async () => {
  start();
  memory.leftBy.a = ['worker_1'];
  const { signal } = new AbortController();
  // Both are served by one statement; `a` stands first in the queue.
  const both = [receive(1, 60_000, signal, 'worker_1'), receive(1, 60_000, signal, 'worker_2')];
  await settled();
  memory.visible.push('a', 'b');
  poller.wake();
  expect(await Promise.all(both)).toEqual([['b'], ['a']]);
  expect(memory.asked.at(-1)).toEqual(['worker_1', 'worker_2']);
  expect(memory.shown).toEqual([]);

  memory.visible.push('a');
  expect(await receive(1, 0, signal, 'worker_1')).toEqual([]);
  expect(memory.shown).toEqual(['a']);
  // Whoever is no worker may get any.
  await receive(1, 0);
  expect(memory.asked.at(-1)).toBeUndefined();
});

it('a wake during a poll is not lost', async () => {
  start();
  const gate = Promise.withResolvers<void>();
  memory.state.hold = gate.promise;
  const waiting = receive(1, 60_000);
  await settled();
  memory.visible.push('a');
  poller.wake();
  gate.resolve();
  expect(await waiting).toEqual(['a']);
});

it('the next visible message is looked for when its time comes', async () => {
  start();
  memory.state.next = 150;
  const waiting = receive(1, 60_000);
  await settled();
  memory.visible.push('a');
  expect(await waiting).toEqual(['a']);
});

it('a message that is due but cannot be taken is not asked for in a tight loop', async () => {
  start();
  memory.state.next = -5;
  expect(await receive(1, 1000)).toEqual([]);
  expect(memory.calls.take).toBeLessThanOrEqual(11);
});

it('without any notification it polls', async () => {
  start(50);
  const waiting = receive(1, 60_000);
  await settled();
  memory.visible.push('a');
  expect(await waiting).toEqual(['a']);
});

it('an abort ends a receiver at once, and what was taken for it is shown again', async () => {
  start();
  const gate = Promise.withResolvers<void>();
  memory.state.hold = gate.promise;
  memory.visible.push('a');
  const controller = new AbortController();
  const waiting = receive(1, 60_000, controller.signal);
  controller.abort();
  expect(await waiting).toEqual([]);
  gate.resolve();
  await poller.close();
  expect(memory.shown).toEqual(['a']);
  const aborted = memory.calls.take;
  expect(
    await createPoller({ table: memory.table, hideMs: 1, pollMs: 1, log: undefined }).receive({
      max: 1,
      waitMs: 9,
      signal: controller.signal,
    }),
  ).toEqual([]);
  expect(memory.calls.take).toBe(aborted);
});

it('an error of the table reaches all who wait, and the next call works', async () => {
  start();
  const gate = Promise.withResolvers<void>();
  memory.state.hold = gate.promise;
  const waiting = [receive(1, 60_000), receive(1, 60_000)];
  memory.state.error = new AppError('database_unavailable', 'gone');
  gate.resolve();
  for (const receiver of waiting) await expect(receiver).rejects.toBe(memory.state.error);
  memory.state.error = undefined;
  memory.visible.push('a');
  expect(await receive(1, 60_000)).toEqual(['a']);
});

it('closing ends receivers with none; later ones are refused', async () => {
  start();
  const waiting = receive(1, 60_000);
  await settled();
  await poller.close();
  expect(await waiting).toEqual([]);
  await expect(receive(1, 0)).rejects.toMatchObject({ code: 'queue_unavailable' });
});
