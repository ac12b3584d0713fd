import { z } from 'zod';
import { endOfTool, type RunTool } from './run-tool.ts';

/** Memory of a card of AMD. WebGPU runs on it; how much is free only this tool says. */
interface RocmCard {
  readonly id: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

const LIMIT_MS = 5000;
const bytes = z.coerce.number().int().min(0);
const answerSchema = z.record(
  z.string(),
  z.object({ 'VRAM Total Memory (B)': bytes, 'VRAM Total Used Memory (B)': bytes }).optional().catch(undefined),
);

/**
 * Reads what `rocm-smi --showmeminfo vram --json` prints. Lines before the object are warnings. Empty for what is no such answer.
 *
 * @example
 * readRocmJson('{"card0": {"VRAM Total Memory (B)": "17163091968", "VRAM Total Used Memory (B)": "9674752"}}')[0]?.id // 0
 */
function readRocmJson(text: string): readonly RocmCard[] {
  const parsed = answerSchema.safeParse(jsonOf(text)).data ?? {};
  return Object.entries(parsed).flatMap(([key, card]): RocmCard[] => {
    const [, id] = /^card(\d+)$/.exec(key) ?? [];
    if (id === undefined || card === undefined) return [];
    const { 'VRAM Total Memory (B)': totalBytes, 'VRAM Total Used Memory (B)': used } = card;
    return [{ id: Number(id), totalBytes, freeBytes: Math.max(0, totalBytes - used) }];
  });
}

/** Cards of AMD; none where there is no rocm-smi. Never rejects. */
export async function askRocmSmi(run: RunTool): Promise<readonly RocmCard[]> {
  const { text } = await endOfTool(run, 'rocm-smi', ['--showmeminfo', 'vram', '--json'], LIMIT_MS);
  return readRocmJson(text);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch {
    return undefined;
  }
}
