import { relative } from 'node:path';
import { z } from 'zod';

/** What is needed of vitest's JSON report; times in milliseconds since 1970. */
const reportSchema = z.object({
  testResults: z.array(z.object({ name: z.string(), startTime: z.number(), endTime: z.number() })),
});

/** The test files that took longest, slowest first, a line each: seconds and path below `root`. */
export function slowestFiles(report: unknown, root: string, count: number): string[] {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return [];
  return parsed.data.testResults
    .map(({ name, startTime, endTime }) => ({ path: relative(root, name), seconds: (endTime - startTime) / 1000 }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ path, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${path}`);
}
