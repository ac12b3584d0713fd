import type { Job } from '@qwen-edit/contract';
import { outputPaths } from '../output-paths.ts';
import { writeOutputs } from '../write-outputs.ts';
import type { ServiceDeps } from './service-command.ts';

/** Fetches the results of a job and writes them: one to `out`, several to OUT-0, OUT-1, … Returns the paths. */
export async function saveOutputs({ client, signal }: ServiceDeps, job: Job, out: string): Promise<string[]> {
  const outputs = job.output ?? [];
  const paths = outputPaths(out, outputs.length);
  const files = await Promise.all(
    outputs.map(async ({ index }, i) => {
      const picture = await client.picture(job.id, 'outputs', index, signal);
      return { path: paths[i] ?? out, bytes: new Uint8Array(await picture.arrayBuffer()) };
    }),
  );
  await writeOutputs(files, signal);
  return paths;
}
