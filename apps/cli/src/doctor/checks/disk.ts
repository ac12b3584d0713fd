import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { precisionFacts } from '@qwen-edit/contract';
import { bytesText, expectedFiles, requireSpace } from '@qwen-edit/hub';
import { kindOf } from '../../devices/parse-engines.ts';
import { weightCacheDir } from '../../model/cache-folders.ts';
import { findStored } from '../../model/stored-model.ts';
import { usablePrecision } from '../../precision-setting.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { weightsOf } from '../model-files.ts';
import { gibText } from '../sizes.ts';

const GIB = 1024 ** 3;
/** Below this, uploads and results soon fail; below the other, they may. */
const LEAST = GIB;
const ROOM = 5 * GIB;
/** What is read of one weight file at most, and for how long. */
const READ_BYTES = 256 * 1024 ** 2;
const READ_MS = 4000;
const CHUNK = 4 * 1024 ** 2;
/** No disk reads so fast: the system had it in memory. */
const FROM_MEMORY = 6 * GIB;
/** Slower than this, a model that does not fit into memory is not usable. */
const SLOW = 200 * 1024 ** 2;
/** What is read in less is over too soon to tell. */
const TELLING_BYTES = 64 * 1024 ** 2;

/** Free space under the data folder, room for the model that is to be downloaded, and how fast the one that is here is read. */
export const checkDisk: Check = async (deps, signal) => [
  ...(await spaceUnder(deps)),
  ...(await roomForModel(deps)),
  ...(await roomForWeights(deps)),
  ...(await readingOf(deps, signal)),
];

async function spaceUnder({ host, config }: DoctorDeps): Promise<Finding[]> {
  const folder = resolve(config.dataDir);
  const free = await host.freeBytes(folder);
  if (free === undefined) return [];
  const facts = `${gibText(free)} free for the data folder ${folder}`;
  const remedy = 'Free some space, shorten QWEN_EDIT_RETENTION_SECONDS, or set QWEN_EDIT_DATA_DIR to another disk.';
  if (free < LEAST) {
    const cause = 'The database, uploads and results lie there; a full disk fails them with disk_full.';
    return [problemFinding(facts, { cause, remedy })];
  }
  return [free < ROOM ? noteFinding(facts, remedy) : okFinding(facts)];
}

/** Whether what is missing of a model of the hub has room where it will lie. Nothing where nobody knows how large it is. */
async function roomForModel({ chosen, modelDir, hub, host }: DoctorDeps): Promise<Finding[]> {
  if (modelDir !== undefined || chosen.kind !== 'hub') return [];
  const stored = await findStored(chosen, hub);
  const listed = stored && (await expectedFiles(stored.dir));
  const { knownModelBytes } = await import('@qwen-edit/pipeline');
  const whole =
    listed === undefined
      ? knownModelBytes(chosen.ref.repo)
      : [...listed.values()].reduce((sum, { size }) => sum + size, 0);
  if (whole === undefined) return [];
  const missing = Math.max(0, whole - (stored?.bytes ?? 0));
  const folder = chosen.localDir ?? hub.cacheDir;
  try {
    await requireSpace(folder, missing, host.freeBytes);
    return [okFinding(`there is room in ${folder} for the ${bytesText(missing)} of the model that are missing`)];
  } catch (thrown) {
    return [findingOf(thrown)];
  }
}

/** Where weights that are prepared for a precision lie. Of no interest to one that computes over the weights as they are stored. */
async function roomForWeights({ host, config, engines }: DoctorDeps): Promise<Finding[]> {
  const precisions = engines.engines.map((engine) => usablePrecision(config, kindOf(engine)));
  const isNeeded = precisions.some((each) => precisionFacts(each).bytesPerWeight !== 'stored');
  if (!isNeeded && config.weightCacheDir === undefined) return [];
  const folder = weightCacheDir(config);
  const free = await host.freeBytes(folder);
  if (free === undefined) return [];
  const facts = `${gibText(free)} free for prepared weights in ${folder}`;
  if (!isNeeded || free >= ROOM) return [okFinding(facts)];
  return [noteFinding(facts, 'Free some space, or set QWEN_EDIT_OFFLOAD_FOLDER to a folder on another disk.')];
}

async function readingOf(deps: DoctorDeps, signal: AbortSignal): Promise<Finding[]> {
  const [largest] = await weightsOf(deps.modelDir);
  if (largest === undefined) return [];
  const { bytes, seconds } = await readSome(largest.path, signal);
  const rate = bytes / Math.max(seconds, 1e-6);
  const facts = `${gibText(bytes)} of the model read at ${gibText(rate)}/s`;
  if (rate > FROM_MEMORY || bytes < TELLING_BYTES)
    return [okFinding(`${facts}, from the cache of the system or too little to tell`)];
  if (rate >= SLOW) return [okFinding(facts)];
  return [
    noteFinding(
      `${facts}: loading takes long, and so does each step if the model does not fit into memory.`,
      'Put the model folder on a local SSD rather than on a network or a spinning disk.',
    ),
  ];
}

async function readSome(path: string, signal: AbortSignal): Promise<{ bytes: number; seconds: number }> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK);
    const start = performance.now();
    let bytes = 0;
    while (bytes < READ_BYTES && performance.now() - start < READ_MS && !signal.aborted) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
    }
    return { bytes, seconds: (performance.now() - start) / 1000 };
  } finally {
    await file.close();
  }
}
