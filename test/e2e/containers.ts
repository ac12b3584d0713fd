import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../config.ts';
import { leaveOut, whyNoImage } from '../services.ts';
import { readDockerfile } from '../setup/role-images.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** What `docker run` takes to close a container as compose.yaml does. */
export const CLOSED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'] as const;

/** Runs `docker` and gives its standard output. Rejects, with both outputs, if it fails. */
export async function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run('docker', args, { env: { ...environment, ...env }, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** The suites, or none if our images cannot be built or Compose is not here. In CI that is an error. */
export async function imageSuites<T>(what: string, suites: readonly T[]): Promise<readonly T[]> {
  const why = await whyNoImages();
  if (why === undefined) return suites;
  await leaveOut(what, why);
  return [];
}

/** An engine may be there without its plugins, or without an image that ours are built on. */
async function whyNoImages(): Promise<string | undefined> {
  for (const plugin of ['compose', 'buildx']) {
    const there = await run('docker', [plugin, 'version']).then(
      () => true,
      () => false,
    );
    if (!there) return `docker ${plugin} is not here`;
  }
  for (const image of ['', ...(await readDockerfile()).bases]) {
    const why = await whyNoImage(image);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** A photo of the demo. */
export const readPhoto = (): Promise<Buffer> => readFile(join(root, 'scripts/demo/photos/cat.jpg'));

interface BomComponent {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly unknown[];
  readonly components?: readonly BomComponent[];
}

/** A list of what an image holds. Source: CycloneDX 1.5. */
interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly BomComponent[];
}

/** Reads that of an image. */
export async function readBom(image: string): Promise<Bom> {
  const path = '/usr/share/sbom/qwen-edit.cdx.json';
  return JSON.parse(await docker(['run', '--rm', '--network', 'none', '--entrypoint', 'cat', image, path]));
}
