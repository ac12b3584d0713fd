import { join } from 'node:path';
import { z } from 'zod';
import { jsonFromProgram } from './json-program.ts';

/** A Python that has torch and diffusers, to measure beside. */
export interface Peer {
  readonly python: string;
  /** `diffusers 0.42.1, torch 2.15.0` */
  readonly name: string;
  /** `transformers 5.24.0, torch 2.15.0`; undefined if that library is missing. */
  readonly textName: string | undefined;
  /** Runs a script of this folder in that Python. */
  readonly run: <T>(schema: z.ZodType<T>, script: string, ...args: readonly (string | number)[]) => Promise<T>;
}

/** What torch calls the numbers that it is measured with. The ratios are to the last of them. */
export const PEER_DTYPES = ['float32', 'bfloat16'] as const;
export const RATIO_DTYPE = 'bfloat16';

const PROBE = `
import importlib.metadata as m, importlib.util as u, json
import diffusers, torch
print(json.dumps({n: m.version(n) for n in ("diffusers", "torch", "transformers") if u.find_spec(n)}))
`;
const versionsSchema = z.object({ diffusers: z.string(), torch: z.string(), transformers: z.string().optional() });

/** Asks a Python for torch and diffusers. Throws AppError `internal` if it lacks one, or cannot be started. */
export async function findPeer(python: string, signal: AbortSignal): Promise<Peer> {
  const { diffusers, torch, transformers } = await jsonFromProgram(versionsSchema, python, ['-c', PROBE], signal);
  return {
    python,
    name: `diffusers ${diffusers}, torch ${torch}`,
    textName: transformers === undefined ? undefined : `transformers ${transformers}, torch ${torch}`,
    // -B: no caches of compiled modules beside the sources.
    run: (schema, script, ...args) =>
      jsonFromProgram(schema, python, ['-B', join(import.meta.dirname, script), ...args.map(String)], signal),
  };
}
