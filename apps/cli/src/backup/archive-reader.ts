import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { AppError } from '@qwen-edit/contract';
import { extract } from 'tar-stream';
import type { z } from 'zod';
import { chunksOf } from './chunks.ts';
import {
  anyHeadSchema,
  BACKUP_MANIFEST,
  type BackupHead,
  type BackupManifest,
  CHECKSUMS,
  FORMAT,
  HEAD,
  headSchema,
  manifestSchema,
  OBJECTS,
  SECRET,
  TABLES,
} from './format.ts';

/** Who takes the members of a backup, one after the other. Nothing of it is sure before `readArchive` has ended well. */
export interface ArchiveHandlers {
  head?(head: BackupHead): Promise<void>;
  rows?(table: string, rows: readonly string[]): Promise<void>;
  secret?(secret: string): Promise<void>;
  /** What is not read of the body is read afterwards. */
  object?(key: string, body: AsyncIterable<Uint8Array>): Promise<void>;
}

/** More than the head and any list of checksums have; rows come in members of about a megabyte, or one row. */
const MAX_TEXT_BYTES = 256 * 2 ** 20;
const SUM = /^([0-9a-f]{64}) {2}(.+)$/;

/**
 * Reads a backup from its begin to its end, and checks every byte of it. Throws AppError `backup_damaged` for a file that is cut,
 * changed, or no backup; `backup_too_new` for one of a later format; `canceled`; and what a handler throws.
 */
export async function readArchive(
  path: string,
  handlers: ArchiveHandlers,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const members = membersOf(path, signal);
  const state: ReadState = { rows: {}, objects: 0, object_bytes: 0, unsummed: [], ofSums: createHash('sha256') };
  let head: BackupHead | undefined;
  let manifest: BackupManifest | undefined;
  for await (const member of members) {
    if (manifest !== undefined) throw damaged(path, 'something follows its end');
    if (head === undefined) {
      if (member.name !== HEAD) throw damaged(path, 'it does not begin as one');
      head = readHead(path, await member.text());
      await handlers.head?.(head);
    } else if (member.name === BACKUP_MANIFEST) {
      manifest = readManifest(path, await member.text(), state);
    } else if (member.name.startsWith(CHECKSUMS)) {
      checkSums(path, await member.text(), state);
      continue;
    } else await readMember(path, member, state, handlers);
    if (manifest === undefined) state.unsummed.push({ name: member.name, sum: await member.sum() });
  }
  if (manifest === undefined) throw damaged(path, 'it ends too early');
  return manifest;
}

/** The head of a backup, without a look at the rest. */
export async function readArchiveHead(path: string, signal: AbortSignal): Promise<BackupHead> {
  for await (const member of membersOf(path, signal)) {
    if (member.name !== HEAD) break;
    return readHead(path, await member.text());
  }
  throw damaged(path, 'it does not begin as one');
}

interface ReadState {
  readonly rows: Record<string, number>;
  objects: number;
  object_bytes: number;
  /** Members since the last list of checksums. */
  unsummed: { readonly name: string; readonly sum: string }[];
  readonly ofSums: ReturnType<typeof createHash>;
}

interface Member {
  readonly name: string;
  readonly bytes: number;
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  /** Reads what is left of the body; resolves with the SHA-256 of all of it. */
  sum(): Promise<string>;
}

async function readMember(
  path: string,
  member: Member,
  state: ReadState,
  { rows, secret, object }: ArchiveHandlers,
): Promise<void> {
  const { name, bytes } = member;
  const [, table] = /^tables\/([^/]+)\/\d+\.ndjson$/.exec(name) ?? [];
  if (name.startsWith(OBJECTS)) {
    state.objects += 1;
    state.object_bytes += bytes;
    await object?.(name.slice(OBJECTS.length), member.body);
  } else if (name.startsWith(TABLES) && table !== undefined) {
    const lines = (await member.text()).split('\n').filter((line) => line !== '');
    state.rows[table] = (state.rows[table] ?? 0) + lines.length;
    await rows?.(table, lines);
  } else if (name === SECRET) await secret?.(await member.text());
  else throw damaged(path, `nobody knows its member ${name.slice(0, 100)}`);
}

async function* membersOf(path: string, signal: AbortSignal): AsyncGenerator<Member> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('backup_damaged', `The backup cannot be read: ${reason}`, { cause });
  });
  const source = createReadStream('', { fd: file, highWaterMark: 2 ** 18 });
  const tar = extract();
  const broken: Error[] = [];
  source.on('error', (error) => tar.destroy(error));
  source.on('data', (chunk) => {
    if (!tar.write(chunk)) source.pause();
  });
  tar.on('drain', () => source.resume());
  tar.on('error', (error: Error) => {
    broken.push(error);
  });
  source.on('end', () => tar.end(null));
  try {
    for await (const entry of tar) {
      if (signal.aborted) throw new AppError('canceled', 'The reading of the backup was cancelled.');
      yield memberOf(path, entry.header.name, entry.header.size, entry);
    }
    if (broken[0] !== undefined) throw broken[0];
  } catch (thrown) {
    const [first] = broken;
    if (thrown instanceof AppError || first === undefined) throw thrown;
    throw damaged(path, first.message);
  } finally {
    tar.destroy();
    source.destroy();
  }
}

function memberOf(path: string, name: string, bytes: number, entry: AsyncIterable<unknown>): Member {
  const hash = createHash('sha256');
  const body = hashed();
  return {
    name,
    bytes,
    body,
    async text() {
      if (bytes > MAX_TEXT_BYTES) throw damaged(path, `its member ${name.slice(0, 100)} is too large`);
      return text(body);
    },
    async sum() {
      // A handler may have stopped before the end of the body.
      for await (const _ of body);
      return hash.digest('hex');
    },
  };

  async function* hashed(): AsyncGenerator<Uint8Array> {
    const chunks = chunksOf(entry);
    for (;;) {
      const next = await chunks.next().catch((thrown: unknown) => {
        throw thrown instanceof AppError ? thrown : damaged(path, reasonOf(thrown), thrown);
      });
      if (next.done === true) return;
      hash.update(next.value);
      yield next.value;
    }
  }
}

function readHead(path: string, json: string): BackupHead {
  const any = parseAs(path, anyHeadSchema, json);
  if (any.format > FORMAT) {
    throw new AppError('backup_too_new', `${path} has the format ${any.format} of version ${any.version}.`, {
      hint: `Restore it with version ${any.version} or a later one.`,
    });
  }
  return parseAs(path, headSchema, json);
}

function checkSums(path: string, list: string, state: ReadState): void {
  state.ofSums.update(list);
  const lines = list.split('\n').filter((line) => line !== '');
  for (const [i, { name, sum }] of state.unsummed.entries()) {
    const [, expected, of] = SUM.exec(lines[i] ?? '') ?? [];
    if (of !== name || expected !== sum) throw damaged(path, `its member ${name.slice(0, 200)} was changed`);
  }
  if (lines.length !== state.unsummed.length) throw damaged(path, 'members are missing');
  state.unsummed = [];
}

function readManifest(path: string, json: string, state: ReadState): BackupManifest {
  const manifest = parseAs(path, manifestSchema, json);
  const sameRows = Object.entries(manifest.rows).every(([table, count]) => count === (state.rows[table] ?? 0));
  const whole =
    sameRows &&
    manifest.objects === state.objects &&
    manifest.object_bytes === state.object_bytes &&
    state.unsummed.length === 0 &&
    manifest.checksums === state.ofSums.digest('hex');
  if (!whole) throw damaged(path, 'its parts do not belong together');
  return manifest;
}

function parseAs<T>(path: string, schema: z.ZodType<T>, json: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (cause) {
    throw damaged(path, 'its description cannot be read', cause);
  }
}

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function damaged(path: string, why: string, cause?: unknown): AppError {
  return new AppError('backup_damaged', `${path} is no whole backup: ${why}.`, { cause });
}
