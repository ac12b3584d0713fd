import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '../../infra/tools.ts';

const run = promisify(execFile);

/** What the official image promises to compose.yaml, around the program of `infra/tools.sh`. */
const DOCKERFILE = `
FROM debian:bookworm-slim
COPY prometheus /bin/prometheus
RUN install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
VOLUME /prometheus
ENTRYPOINT ["/bin/prometheus"]
`;

/** Builds the image that stands for the official one, which cannot be pulled everywhere. */
export async function buildPrometheus(tag: string): Promise<void> {
  const program = await findTool('prometheus');
  if (program === undefined) throw new Error('prometheus is not here: infra/tools.sh compiles it');
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-prometheus-'));
  try {
    await writeFile(join(folder, 'Dockerfile'), DOCKERFILE);
    await copyFile(program, join(folder, 'prometheus'));
    await run('docker', ['build', '--quiet', '--tag', tag, folder]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
