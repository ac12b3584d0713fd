/** A task that waits for its turn. */
export interface GateTask {
  readonly owner: string;
  /** Memory that it takes while it runs, in bytes. */
  readonly bytes: number;
}

export interface FairGate {
  /** Runs `work` when it is the turn of this task. */
  run<T>(task: GateTask, work: () => Promise<T>): Promise<T>;
}

export interface FairGateOptions {
  /** Tasks that run at one time. */
  readonly atOnce: number;
  /** Memory that they take together. A task that needs more runs alone. */
  readonly bytes: number;
}

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

/** What one owner runs, and has waiting. */
interface Line {
  running: number;
  bytes: number;
  /** When one of its tasks was last started, as a count of starts. */
  lastStart: number;
  readonly waiting: Waiting[];
}

/**
 * Lets few tasks run at one time, and shares them out between owners: next is a task of the owner who runs the fewest, and
 * among several of the one who has waited the longest since the last start. One place, and half of the memory, always stay free
 * for others, so that an owner with a hundred large pictures does not hold up another with a small one. The tasks of one
 * owner start in the order in which they came.
 *
 * @example
 * const gate = createFairGate({ atOnce: 3, bytes: 800_000_000 });
 * await gate.run({ owner, bytes: 12_000_000 }, () => validateImage(bytes));
 */
export function createFairGate({ atOnce, bytes: capacity }: FairGateOptions): FairGate {
  const lines = new Map<string, Line>();
  const most = { running: Math.max(1, atOnce - 1), bytes: capacity / 2 };
  let running = 0;
  let bytes = 0;
  let starts = 0;

  /** An owner's next task, if it may run beside what the owner runs already. */
  function nextOf({ waiting, ...line }: Line): Waiting | undefined {
    const [task] = waiting;
    if (task === undefined || line.running >= most.running) return undefined;
    return line.running === 0 || line.bytes + task.bytes <= most.bytes ? task : undefined;
  }

  function startNext(): void {
    while (running < atOnce) {
      const [first] = [...lines.values()]
        .filter((line) => nextOf(line) !== undefined)
        .sort((a, b) => a.running - b.running || a.lastStart - b.lastStart);
      const task = first?.waiting[0];
      // It waits for memory, and none passes it: a large picture would never have its turn among small ones.
      if (first === undefined || task === undefined || (running > 0 && bytes + task.bytes > capacity)) return;
      first.waiting.shift();
      add(first, task.bytes, 1);
      first.lastStart = ++starts;
      task.start();
    }
  }

  function add(line: Line, size: number, count: 1 | -1): void {
    line.running += count;
    running += count;
    line.bytes += count * size;
    bytes += count * size;
  }

  return {
    async run({ owner, bytes: size }, work) {
      const line = lines.get(owner) ?? { running: 0, bytes: 0, lastStart: 0, waiting: [] };
      lines.set(owner, line);
      const { promise, resolve } = Promise.withResolvers<void>();
      line.waiting.push({ bytes: size, start: resolve });
      startNext();
      await promise;
      try {
        return await work();
      } finally {
        add(line, size, -1);
        if (line.running === 0 && line.waiting.length === 0) lines.delete(owner);
        startNext();
      }
    },
  };
}
