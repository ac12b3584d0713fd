import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { realDevice } from './test/config.ts';
import { LongestFirst } from './test/setup/longest-first.ts';
import { softwareVulkan } from './test/setup/software-vulkan.ts';

/** Test files of one kind. */
interface Project {
  readonly name: string;
  readonly include: readonly string[];
  /** False if test files may share a process, which saves loading the same modules again and again. */
  readonly isolate?: false;
  /** Environment with which its test files' processes are started. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Projects whose files run side by side. Groups run one after the other, in this order. */
interface Group {
  /** Test files that run at once. */
  readonly workers: number;
  readonly projects: readonly Project[];
}

const GROUPS: readonly Group[] = [
  {
    workers: 2,
    projects: [
      // Computes for milliseconds, and opens no session: its files share a process (docs/decisions/0027). `npm run check` runs this project alone.
      { name: 'unit', include: ['apps', 'packages', 'scripts', 'test/setup'], isolate: false },
      // Runs the checkers themselves, each over a planted violation.
      { name: 'rules', include: ['test/rules'] },
    ],
  },
  {
    // More than cores: files that wait for services leave the cores to files that run networks.
    workers: 4,
    projects: [
      // PostgreSQL, S3, SQS, and a hub of models.
      {
        name: 'service',
        include: [
          'test/api',
          'test/db',
          'test/dispatcher',
          'test/faults',
          'test/hub',
          'test/queue',
          'test/storage',
          'test/worker',
        ],
      },
      // Networks, whole models.
      { name: 'model', include: ['test/bad-input', 'test/demo-model', 'test/engine', 'test/parity'] },
      // The chart, rules and dashboards, by the programs that use them.
      { name: 'infra', include: ['test/infra'] },
      // Networks on a graphics card, or on what stands for one.
      { name: 'webgpu', include: ['test/webgpu'], env: realDevice === undefined ? softwareVulkan() : {} },
    ],
  },
  {
    // Whole processes with leases of seconds: too many at once would only test the machine.
    workers: 3,
    projects: [
      { name: 'e2e', include: ['test/e2e'] },
      // The page in Chromium.
      { name: 'browser', include: ['test/browser'] },
    ],
  },
];

export default defineConfig({
  test: {
    pool: 'forks',
    // For what hangs: a machine that is twenty times as slow is no fault.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    globalSetup: ['test/setup/services.ts'],
    sequence: { sequencer: LongestFirst },
    // Tests start hundreds of programs. Most of the time of a start goes into reading TypeScript.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/test-programs') },
    projects: GROUPS.flatMap(({ workers, projects }, i) =>
      projects.map(({ name, include, isolate = true, env = {} }) => ({
        extends: true as const,
        test: {
          name,
          include: include.map((folder) => `${folder}/**/*.test.ts`),
          exclude: ['**/node_modules/**', 'test/rules/planted/**'],
          maxWorkers: workers,
          isolate,
          env,
          sequence: { groupOrder: i + 1 },
        },
      })),
    ),
  },
});
