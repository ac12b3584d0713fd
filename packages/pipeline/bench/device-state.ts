import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { KNOWN_CARDS, type KnownCard } from './cards.ts';

const run = promisify(execFile);
const MIB = 2 ** 20;
const QUERY = ['--query-gpu=memory.used,memory.free,name', '--format=csv,noheader,nounits'];

/** What nvidia-smi tells of a card now. */
export interface CardState {
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly name: string;
}

/** Of the card `index`, as nvidia-smi counts; undefined where there is no nvidia-smi, or no such card. */
export async function cardState(index: number): Promise<CardState | undefined> {
  try {
    const { stdout } = await run('nvidia-smi', [...QUERY, `--id=${index}`], { timeout: 10_000 });
    return cardStateOf(stdout);
  } catch {
    return undefined;
  }
}

/** Reads a line as `1234, 80000, NVIDIA H100 80GB HBM3`; undefined for any other text. */
export function cardStateOf(text: string): CardState | undefined {
  const [, used, free, name = ''] = /^\s*(\d+),\s*(\d+),\s*(\S.*?)\s*$/.exec(text.split('\n')[0] ?? '') ?? [];
  if (used === undefined || free === undefined) return undefined;
  return { usedBytes: MIB * Number(used), freeBytes: MIB * Number(free), name };
}

/** The known card that a driver calls so; undefined for any other. */
export function cardNamed(name: string): KnownCard | undefined {
  const plain = (card: KnownCard): string => card.name.replace(/^(AMD|Intel|Apple) | (80 GB )?SXM$|, .*$/g, '');
  return KNOWN_CARDS.find((card) => name.includes(plain(card)));
}

/** Whether WebGPU has only an adapter here that computes on the processor: such is named as Vulkan's driver, or there is no other on Linux. */
export function isSoftwareAdapter(
  driver: string | undefined,
  folders: readonly string[] = ['/dev', '/dev/dri'],
): boolean {
  if (driver !== undefined && driver !== '') return /swiftshader|lvp|lavapipe/i.test(driver);
  if (process.platform !== 'linux') return false;
  return !folders.flatMap(listed).some((name) => /^(renderD\d+|nvidia\d+|dxg)$/.test(name));
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
