import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check } from '../check.ts';
import { type Finding, okFinding, problemFinding } from '../finding.ts';

const PROGRAMS = {
  'onnxruntime-node':
    "const { env } = await import('onnxruntime-node'); console.log(env.versions.node ?? env.versions.common)",
  sharp: "const { default: sharp } = await import('sharp'); console.log(sharp.versions.sharp)",
} as const;

/**
 * The native libraries. Each is loaded in a process of its own: one that is broken, or built for another processor, ends the
 * process that loads it.
 */
export const checkLibraries: Check = async ({ host }, signal) => {
  // The pipeline's packages are found from where the pipeline lies.
  const cwd = dirname(fileURLToPath(import.meta.resolve('@qwen-edit/pipeline')));
  return Promise.all(
    Object.entries(PROGRAMS).map(async ([name, program]): Promise<Finding> => {
      try {
        const version = await host.run(host.execPath, ['--input-type=module', '-e', program], { signal, cwd });
        return okFinding(`${name} ${version.trim()} loads`);
      } catch (thrown) {
        return problemFinding(`${name} cannot be loaded.`, {
          cause: lastLineOf(thrown),
          remedy: 'Run `npm ci` on this machine. In containers use the image `worker` or `all-in-one`.',
        });
      }
    }),
  );
};

/** The line that Node or the loader of the system explains itself with. */
function lastLineOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const lines = text
    .split('\n')
    .filter((line) => /Error|cannot|not found|SIG|GLIBC/i.test(line) && !/^Command failed/.test(line));
  return (lines[0] ?? text.split('\n')[0] ?? '').trim();
}
