import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findModel, parseModelRef } from '@qwen-edit/hub';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { inCi } from '../config.ts';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { type HubServer, startHubServer } from './hub-server.ts';
import { smallModel } from './models.ts';

/** Kills of each chain. Each starts a process, which costs half a second of a core. */
const KILLS = inCi ? 25 : 10;
const PROGRAM = join(import.meta.dirname, 'pull-program.ts');
const files = smallModel({ shard: 400_000, seed: 'kills' });
let hub: HubServer;
let commit: string;

beforeAll(async () => {
  hub = await startHubServer();
  commit = hub.serve({ repo: 'Qwen/Killed', files });
  // Node keeps what it compiles when a program ends by itself: the next ones start faster.
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  await once(spawn(process.execPath, [PROGRAM, hub.endpoint, folder, 'Qwen/Killed']), 'close');
  await rm(folder, { recursive: true });
});
afterAll(() => hub.close());

/** Random, and the same each time. */
function createDice(seed: string): () => number {
  let i = 0;
  return () => createHash('sha256').update(`${seed}${i++}`).digest().readUInt32BE() / 2 ** 32;
}

interface Chain {
  readonly name: string;
  readonly isLocal: boolean;
  /** Bytes that a process may receive, at most, before it is killed. */
  readonly bytes: number;
}

const CHAINS: readonly Chain[] = [
  { name: 'into the cache', isLocal: false, bytes: 80_000 },
  { name: 'into a folder', isLocal: true, bytes: 80_000 },
];

it.each(CHAINS)(
  'a download $name that is killed at random bytes ends whole, and no half of it ever counts as a model',
  async ({ isLocal, bytes }) => {
    const folder = await temporaryFolder();
    const [cacheDir, localDir] = [join(folder, 'hub'), isLocal ? join(folder, 'model') : undefined];
    const dice = createDice(String(isLocal));
    let killed = 0;
    for (let round = 0; killed < KILLS; round++) {
      // A branch is asked for again each time, a commit is not.
      const model = round % 5 === 0 ? 'Qwen/Killed' : `Qwen/Killed@${commit}`;
      const child = spawn(process.execPath, [PROGRAM, hub.endpoint, cacheDir, model, ...(localDir ? [localDir] : [])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'close');
      // One time in eight the last steps are hit, if all bytes come; else a random byte.
      const atEnd = dice() < 0.125;
      const reached = atEnd ? once(child.stdout, 'data') : hub.holdAfter(Math.floor(dice() * bytes));
      await Promise.race([reached, ended]);
      // What the server has sent is not yet what the other has read.
      await delay(dice() * (atEnd ? 4 : 30));
      child.kill('SIGKILL');
      hub.goOn();
      const [code] = await ended;
      if (code !== 0) killed++;

      const dir = await findModel(parseModelRef(`Qwen/Killed@${commit}`), { cacheDir }, localDir);
      if (code === 0) expect(dir).toBeDefined();
      if (dir === undefined) continue;
      expect(await contentOf(dir)).toEqual(wholeContent(files));
      await rm(folder, { recursive: true });
    }
    const child = spawn(process.execPath, [
      PROGRAM,
      hub.endpoint,
      cacheDir,
      'Qwen/Killed',
      ...(localDir ? [localDir] : []),
    ]);
    expect(await once(child, 'close')).toEqual([0, null]);
    const dir = await findModel(parseModelRef('Qwen/Killed'), { cacheDir }, localDir);
    expect(await contentOf(dir ?? '')).toEqual(wholeContent(files));
    expect(await leftovers(folder)).toEqual([]);
    expect(killed).toBe(KILLS);
  },
);
