import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';

const SHA256 = /^[0-9a-f]{64}$/;
/** A file that was changed this much after its record was written is not the file of the record. Source: huggingface_hub. */
const SLACK_SECONDS = 1;

/**
 * SHA-256 of the files of a model folder as the hub gave them when they were downloaded, by paths with slashes. In the hub's
 * cache a large file's real name is its digest; beside a local folder (`snapshot_download(local_dir=…)`),
 * `.cache/huggingface/download/PATH.metadata` has it. A file without such a record is left out.
 * Source: file_download.py and _local_folder.py of huggingface_hub.
 */
export async function recordedDigests(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const digests = new Map<string, string>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const file = relative(dir, path).split(sep).join('/');
    if (entry.isDirectory() || /^\.(cache|git)\//.test(file)) continue;
    const digest = entry.isSymbolicLink() ? await nameInCache(path) : await localRecord(dir, file);
    if (digest !== undefined && SHA256.test(digest)) digests.set(file, digest);
  }
  return digests;
}

async function nameInCache(path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => '');
  return basename(dirname(real)) === 'blobs' ? basename(real) : undefined;
}

/** The three lines of a record: commit, ETag (the digest of a large file), time in seconds. */
async function localRecord(dir: string, file: string): Promise<string | undefined> {
  const record = join(dir, '.cache/huggingface/download', `${file}.metadata`);
  const [, etag, time] = (await readFile(record, 'utf8').catch(() => '')).split('\n');
  if (etag === undefined || time === undefined) return undefined;
  const changed = (await stat(join(dir, file))).mtimeMs / 1000;
  return changed - SLACK_SECONDS <= Number(time) ? etag.trim() : undefined;
}
