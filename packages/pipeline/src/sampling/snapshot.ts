import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type Precision, precisionKey } from '../engine/precision.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { Snapshot } from '../types.ts';
import type { ForecastState } from './forecast.ts';

/** The state of an edit after `step` steps. */
export interface SamplingState {
  readonly step: number;
  readonly total: number;
  readonly seed: string;
  /** Digest of model, pictures and parameters: a state fits only the edit that it came from. */
  readonly fingerprint: string;
  /** Packed latents of every picture that was asked for. */
  readonly latents: readonly Float32Array[];
  /** What each picture's forecasts come from; undefined if every step is computed. */
  readonly forecasts?: readonly ForecastState[] | undefined;
}

const MAGIC = 'qwen-edit snapshot 1';

const factsSchema = z.object({
  magic: z.literal(MAGIC),
  step: z.int().min(0),
  total: z.int().min(1),
  seed: z.string(),
  fingerprint: z.string(),
  lengths: z.array(z.int().min(0)),
  /** Of each picture; its predictions lie behind all latents, each as long as the picture's. */
  forecasts: z
    .array(
      z.object({
        sigmas: z.array(z.number()),
        bend: z.number().optional(),
        inARow: z.int().min(0),
        computed: z.int().min(0),
      }),
    )
    .optional(),
});
const headerSchema = z.object({ facts: factsSchema, sha256: z.string() });

function sha256(facts: z.output<typeof factsSchema>, body: Uint8Array): string {
  return createHash('sha256')
    .update(`${JSON.stringify(facts)}\n`)
    .update(body)
    .digest('hex');
}

/** Writes a JSON header, a newline, and the latents as little-endian fp32; the header has the hash of its facts and of all behind it. */
export function writeSnapshot(state: SamplingState): Snapshot {
  const { forecasts } = state;
  const predictions = forecasts?.flatMap(({ points }) => points.map(({ prediction }) => prediction)) ?? [];
  const body = Buffer.concat(
    [...state.latents, ...predictions].map((each) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength)),
  );
  const facts = {
    magic: MAGIC,
    step: state.step,
    total: state.total,
    seed: state.seed,
    fingerprint: state.fingerprint,
    lengths: state.latents.map((each) => each.length),
    // Without forecasts it is as versions that knew none wrote it.
    forecasts: forecasts?.map(({ points, bend, inARow, computed }) => ({
      sigmas: points.map(({ sigma }) => sigma),
      bend,
      inARow,
      computed,
    })),
  } as const;
  const header = { facts, sha256: sha256(facts, body) };
  return {
    step: state.step,
    total: state.total,
    bytes: Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]),
  };
}

/**
 * Digest of what decides how an edit continues after a snapshot: model, precision, pictures (by their digests) and parameters,
 * apart from the format of the output.
 */
export function fingerprintOf(
  {
    folder,
    precision,
  }: { readonly folder: Pick<ModelFolder, 'digest'>; readonly precision: Pick<Precision, 'name' | 'calibration'> },
  parameters: Readonly<Record<string, unknown>>,
  imageDigests: readonly string[],
): string {
  // Defaults are left out: snapshots of versions that knew nothing else fit.
  const reference_size = parameters.reference_size === 'model' ? undefined : parameters.reference_size;
  const speed = parameters.speed === 'exact' ? undefined : parameters.speed;
  const said = JSON.stringify({ ...parameters, reference_size, speed, output_format: undefined });
  const hash = createHash('sha256');
  for (const part of [folder.digest, precisionKey(precision), said, ...imageDigests])
    hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}

/** Throws AppError `snapshot_invalid` if the state is not of the edit with this fingerprint and so many steps. */
export function requireSameEdit(state: SamplingState, fingerprint: string, total: number): void {
  if (state.fingerprint === fingerprint && state.total === total) return;
  throw new AppError('snapshot_invalid', 'The snapshot belongs to another model, other pictures or other parameters.');
}

/** Reads a snapshot and checks that it is whole. Throws AppError `snapshot_invalid`. */
export function readSnapshot(bytes: Uint8Array): SamplingState {
  const end = bytes.indexOf(10);
  const text = Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString('utf8');
  const header = headerSchema.safeParse(parse(text));
  // The same number can be written in several ways: only the one that was written is whole.
  if (!header.success || JSON.stringify(header.data) !== text)
    throw new AppError('snapshot_invalid', 'The snapshot has no readable header.');
  // A copy: slice of a Buffer would be a view, and its floats would be read from the start of the whole.
  const body = new Uint8Array(bytes.subarray(end + 1));
  const { facts, sha256: promised } = header.data;
  const { lengths, magic: _magic, forecasts, ...state } = facts;
  const points = (forecasts ?? []).flatMap(({ sigmas }, i) => sigmas.map(() => lengths[i] ?? 0));
  const floats = [...lengths, ...points].reduce((a, b) => a + b, 0);
  if (body.length !== 4 * floats || sha256(facts, body) !== promised)
    throw new AppError('snapshot_invalid', 'The snapshot is cut off or damaged.');
  let at = 0;
  const next = (length = 0): Float32Array => {
    const each = new Float32Array(body.buffer, at, length);
    at += 4 * length;
    return each;
  };
  const latents = lengths.map((length) => next(length));
  if (forecasts === undefined) return { ...state, latents };
  return {
    ...state,
    latents,
    forecasts: forecasts.map(({ sigmas, bend, inARow, computed }, i) => ({
      ...{ bend, inARow, computed },
      points: sigmas.map((sigma) => ({ sigma, prediction: next(lengths[i]) })),
    })),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
