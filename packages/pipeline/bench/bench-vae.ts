import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Bench } from './bench-part.ts';
import { PEER_DTYPES, RATIO_DTYPE } from './peer.ts';
import { writeRandomVae } from './random-vae.ts';
import { memorySchema } from './table.ts';

const SIDES = [512, 1024] as const;
/** Pictures take long, and vary little. */
const MOST_ROUNDS = 2;
const theirsSchema = z.object({ seconds: z.number(), memory: memorySchema });
const oursSchema = z.object({ seconds: z.number(), peak: z.number() });

/** The VAE at its true size: encoding and decoding of square pictures. It computes in fp32 in every precision. */
export async function benchVae({
  quick,
  threads,
  rounds,
  peer,
  folder,
  note,
  run,
  add,
  attempt,
}: Bench): Promise<void> {
  const dir = join(folder, 'vae');
  const count = Math.min(rounds, MOST_ROUNDS);
  await mkdir(dir);
  try {
    note('writing made-up weights');
    writeRandomVae(dir);
    for (const side of quick ? SIDES.slice(0, 1) : SIDES) {
      for (const direction of ['encode', 'decode'] as const) {
        const what = `VAE, ${direction} ${side}²`;
        let peerSeconds: number | undefined;
        for (const dtype of peer === undefined ? [] : PEER_DTYPES) {
          const by = `${peer!.name}, ${dtype}`;
          const theirs = await attempt(what, by, () =>
            peer!.run(theirsSchema, 'diffusers_vae.py', direction, side, threads, count, dtype),
          );
          if (theirs === undefined) continue;
          add({ what, by, ...theirs });
          if (dtype === RATIO_DTYPE) peerSeconds = theirs.seconds;
        }
        const ours = await attempt(what, 'fp32', () =>
          run(oursSchema, 'measure-vae.ts', dir, direction, side, threads, count),
        );
        if (ours !== undefined)
          add({ what, by: 'fp32', seconds: ours.seconds, memory: { peak: ours.peak }, peerSeconds });
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
