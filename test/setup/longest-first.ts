import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute or more. They begin first, so that no group ends with one file that all wait for. */
const LONG = [
  'test/e2e/deployment.test.ts',
  'test/e2e/compose.test.ts',
  'test/e2e/embedded.test.ts',
  'test/e2e/images.test.ts',
  'test/e2e/doctor.test.ts',
  'test/e2e/first-start.test.ts',
  'test/hub/kills.test.ts',
  'test/browser/edit.test.ts',
  'test/browser/looks.test.ts',
  'test/browser/wrongs.test.ts',
  'test/db/embedded.test.ts',
  'test/db/model.test.ts',
  'test/api/commit.test.ts',
  'test/api/memory.test.ts',
  'test/db/pooler.test.ts',
  'test/queue/job-queue.sqs.test.ts',
  'test/webgpu/self-test.test.ts',
  'test/webgpu/residency.test.ts',
  'test/webgpu/edits.test.ts',
  'test/webgpu/life.test.ts',
  'test/parity/edits.test.ts',
  'test/demo-model/quality.test.ts',
];

/**
 * The order of test files: long ones first, then the projects of a group in turn, so that files that compute run beside files
 * that wait. It only saves time. (Vitest takes a sequencer as a class.)
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const counts = new Map<string, number>();
    const places = new Map(
      sorted.map((file): [TestSpecification, number] => {
        const { name } = file.project;
        const nth = counts.get(name) ?? 0;
        counts.set(name, nth + 1);
        return [file, nth];
      }),
    );
    const rank = (file: TestSpecification): number => {
      const long = LONG.findIndex((path) => file.moduleId.endsWith(path));
      const share = (places.get(file) ?? 0) / (counts.get(file.project.name) ?? 1);
      return long === -1 ? LONG.length + share : long;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
