import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { readArchive } from '../../apps/cli/src/backup/archive-reader.ts';
import { createArchiveWriter } from '../../apps/cli/src/backup/archive-writer.ts';
import type { RunningCommand } from './processes.ts';

/** What a backup holds, without what depends on the time at which it was made: rows by table, and the digest of each picture. */
export async function contentOfBackup(file: string) {
  const rows: Record<string, string[]> = {};
  const objects: Record<string, string> = {};
  const manifest = await readArchive(
    file,
    {
      async rows(table, lines) {
        const before = rows[table] ?? [];
        rows[table] = [...before, ...lines];
      },
      async object(key, body) {
        const hash = createHash('sha256');
        for await (const chunk of body) hash.update(chunk);
        objects[key] = hash.digest('hex');
      },
    },
    AbortSignal.timeout(600_000),
  );
  for (const lines of Object.values(rows)) lines.sort();
  const { checksums: _, ...facts } = manifest;
  return { rows, objects, facts };
}

/** Writes a backup of a made-up service that has so many pictures of so many bytes each. */
export async function writeLargeBackup(file: string, count: number, bytes: number): Promise<void> {
  const piece = Buffer.alloc(2 ** 20, 'picture');
  const hash = createHash('sha256');
  for (let done = 0; done < bytes; done += piece.length) hash.update(piece);
  const sha256 = hash.digest('hex');
  const columns = ['id', 'owner', 'kind', 'key', 'sha256', 'bytes', 'media_type'];
  const assets = Array.from({ length: count }, (_, n) => ({
    ...{ id: `asset_${n}`, owner: `owner_${n}`, kind: 'input', key: `inputs/asset_${n}` },
    ...{ sha256, bytes, media_type: 'image/png' },
  }));
  const archive = await createArchiveWriter(file);
  const head = { format: 1, version: '0.1.0', schema: '0007_worker_download', created_at: '2026-01-01T00:00:00Z' };
  const sizes = { server_version: '18', table_bytes: 8192, object_bytes: count * bytes };
  await archive.addText('backup.json', JSON.stringify({ ...head, ...sizes, tables: [{ name: 'assets', columns }] }));
  await archive.addText('tables/assets/000000.ndjson', `${assets.map((row) => JSON.stringify(row)).join('\n')}\n`);
  async function* pieces() {
    for (let done = 0; done < bytes; done += piece.length) yield piece;
  }
  for (const { key } of assets) await archive.add(`objects/${key}`, bytes, pieces());
  const none = { count: 0, keys: [] };
  await archive.finish((checksums) => ({
    ...{ rows: { assets: count }, objects: count, object_bytes: count * bytes, checksums },
    ...{ deleted_meanwhile: none, missing: none, changed: none },
  }));
}

/** Kills a command as soon as something is so. Resolves with true if it was killed, false if it had ended before. */
export async function killWhen(command: RunningCommand, so: () => Promise<boolean>): Promise<boolean> {
  let ended = false;
  void command.ended.then(() => {
    ended = true;
  });
  while (!ended && !(await so())) await new Promise((resolve) => setImmediate(resolve));
  return (await command.stop('SIGKILL')) === 'SIGKILL';
}

export const sizeOfFile = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** The most memory that a process had at once until its end, in bytes; undefined where the system does not tell. */
export async function mostMemory(command: RunningCommand): Promise<number | undefined> {
  let most: number | undefined;
  let ended = false;
  void command.ended.then(() => {
    ended = true;
  });
  while (!ended) {
    const status = await readFile(`/proc/${command.child.pid}/status`, 'utf8').catch(() => '');
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    if (kib !== undefined) most = Number(kib) * 1024;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return most;
}
