import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DoctorDeps } from './check.ts';

/** Where Python's tools and ours keep models. Source: huggingface_hub, constants.py. */
export function hubCacheOf({ environment, host }: Pick<DoctorDeps, 'environment' | 'host'>): string {
  const said = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE;
  return said || join(environment.HF_HOME || join(host.home, '.cache/huggingface'), 'hub');
}

/** The model that is to be loaded from the hub, as `owner/name` or `owner/name@revision`; '' for none. */
export function hubModelName({ environment }: Pick<DoctorDeps, 'environment'>): string {
  return (environment.QWEN_EDIT_MODEL ?? '').trim();
}

/** The folder of that model in the cache, which may not be whole; undefined if nothing of it is there. */
export async function snapshotOf(cache: string, wanted: string): Promise<string | undefined> {
  const [repo = '', revision = 'main'] = wanted.split('@');
  if (repo === '') return undefined;
  const folder = join(cache, `models--${repo.replaceAll('/', '--')}`);
  const commit = (await readFile(join(folder, 'refs', revision), 'utf8').catch(() => revision)).trim();
  const snapshot = join(folder, 'snapshots', commit);
  return stat(snapshot).then(
    () => snapshot,
    () => undefined,
  );
}

/** A model of which something lies in the cache. */
interface CachedModel {
  readonly name: string;
  /** How many of its files were begun and not finished. */
  readonly unfinished: number;
}

export async function cachedModels(cache: string): Promise<readonly CachedModel[]> {
  const repos = (await readdir(cache).catch(() => [])).filter((name) => /^models--.*Image-Edit/i.test(name));
  return Promise.all(
    repos.map(async (repo): Promise<CachedModel> => {
      const blobs = await readdir(join(cache, repo, 'blobs')).catch(() => []);
      const unfinished = blobs.filter((blob) => blob.endsWith('.incomplete')).length;
      return { name: repo.replace('models--', '').replaceAll('--', '/'), unfinished };
    }),
  );
}

/**
 * The model folder that workers would load: that of QWEN_EDIT_2511_DIR, else that of QWEN_EDIT_MODEL in the cache, else the demo
 * model. undefined if the one of the hub is not there yet.
 */
export async function findModelDir(
  deps: Pick<DoctorDeps, 'config' | 'environment' | 'host' | 'demoModelDir'>,
): Promise<string | undefined> {
  if (deps.config.modelDir !== undefined) return deps.config.modelDir;
  const wanted = hubModelName(deps);
  return wanted === '' ? deps.demoModelDir : snapshotOf(hubCacheOf(deps), wanted);
}
