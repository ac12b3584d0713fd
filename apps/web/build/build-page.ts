import { access, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compressFiles } from './compress-files.ts';
import { installPage } from './install-page.ts';
import { digestPage, webFolder } from './page-digest.ts';

const TEMPORARY = '.building-';
/** What a build that was killed left behind is taken away after this. */
const LEFT_MS = 3600_000;

/** Builds the page with Vite, whether or not that is needed. What lies in `folder` is replaced only when all has gone well. */
export async function buildPage(folder: string): Promise<void> {
  // Taken first: what changes while Vite reads makes the result stale, as it has to.
  const digest = await digestPage();
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const outDir = await mkdtemp(join(folder, TEMPORARY));
  try {
    const { build } = await import('vite');
    const configFile = join(webFolder, 'vite.config.ts');
    await build({
      root: webFolder,
      configFile: (await exists(configFile)) ? configFile : false,
      configLoader: 'native',
      logLevel: 'warn',
      build: { outDir, emptyOutDir: true },
    });
    await compressFiles(join(outDir, 'assets'));
    await installPage(outDir, folder, digest);
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const path = join(folder, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && facts.mtimeMs < Date.now() - LEFT_MS) await rm(path, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
