import { defineConfig } from 'vitest/config';

/** Test files of one kind. Groups run one after the other, in this order; the files of a group share its workers. */
interface Group {
  readonly name: string;
  readonly include: readonly string[];
  /** Test files that run at once. */
  readonly workers: number;
  /** False if test files may share a process, which saves loading the same modules again and again. */
  readonly isolate: boolean;
}

const GROUPS: readonly Group[] = [
  // Computes for milliseconds. `npm run check` runs this group alone.
  { name: 'unit', include: ['apps', 'packages', 'scripts', 'test/setup'], workers: 2, isolate: false },
  // Runs the checkers themselves, each over a planted violation.
  { name: 'rules', include: ['test/rules'], workers: 2, isolate: true },
  // Waits for PostgreSQL, S3 and SQS more than it computes, so that more files than cores run at once.
  {
    name: 'service',
    include: ['test/api', 'test/db', 'test/dispatcher', 'test/faults', 'test/queue', 'test/storage', 'test/worker'],
    workers: 4,
    isolate: true,
  },
  // Computes with all cores.
  {
    name: 'model',
    include: ['test/bad-input', 'test/demo-model', 'test/engine', 'test/parity'],
    workers: 1,
    isolate: true,
  },
  // Whole processes with leases of seconds: too much at once would only test the machine.
  { name: 'e2e', include: ['test/e2e'], workers: 2, isolate: true },
  { name: 'browser', include: ['test/browser'], workers: 1, isolate: true },
];

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/setup/services.ts'],
    projects: GROUPS.map(({ name, include, workers, isolate }, i) => ({
      extends: true,
      test: {
        name,
        include: include.map((folder) => `${folder}/**/*.test.ts`),
        exclude: ['**/node_modules/**', 'test/rules/planted/**'],
        maxWorkers: workers,
        isolate,
        sequence: { groupOrder: i + 1 },
      },
    })),
  },
});
