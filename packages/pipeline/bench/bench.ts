import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError, runnablePrecisions, toAppError } from '@qwen-edit/contract';
import { deviceNamed } from '../src/engine/devices.ts';
import { benchBlocks } from './bench-blocks.ts';
import { benchDemo } from './bench-demo.ts';
import { benchDevice } from './bench-device.ts';
import { benchLoad } from './bench-load.ts';
import { benchLora } from './bench-lora.ts';
import type { Bench } from './bench-part.ts';
import { benchText } from './bench-text.ts';
import { benchVae } from './bench-vae.ts';
import { vulkanDriver } from './config.ts';
import { isSoftwareAdapter } from './device-state.ts';
import { jsonFromProgram } from './json-program.ts';
import { findPeer, type Peer } from './peer.ts';
import { processorName } from './processor.ts';
import { tableGap, tableHead, tableRow } from './table.ts';

/**
 * npm run bench [-- --quick] [--only blocks,text,vae,lora,load,demo] [--threads N] [--rounds N] [--dir FOLDER] [--python PATH]
 *   [--with-diffusers | --no-with-diffusers] [--device cpu] [--device-memory GIB]
 * Each figure is measured in a process of its own, one after the other. Rows of one Markdown table go to stdout as they come, all
 * else to stderr. On another device than a processor: see benchDevice. Beside diffusers if the Python has it; --with-diffusers ends the run if it has not. Needs up to 25 GB in FOLDER.
 */
const PARTS: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  blocks: benchBlocks,
  text: benchText,
  vae: benchVae,
  lora: benchLora,
  load: benchLoad,
  demo: benchDemo,
};
const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(PARTS).join() },
    'with-diffusers': { type: 'boolean' },
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    device: { type: 'string', default: 'cpu' },
    'device-memory': { type: 'string' },
  },
});
const parts = flags.only.split(',').map((name) => {
  const part = PARTS[name];
  if (part === undefined) throw new AppError('usage', `--only takes ${Object.keys(PARTS).join(', ')}, not ${name}.`);
  return part;
});
const atLeastOne = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new AppError('usage', `--${name} must be a whole number of at least 1, not ${text}.`);
};
const { quick } = flags;
const threads = atLeastOne('threads', flags.threads);
const rounds = atLeastOne('rounds', flags.rounds ?? (quick ? '1' : '5'));
const note = (text: string): void => void process.stderr.write(`${text} …\n`);

const device = deviceNamed(flags.device);
const gibibytes = flags['device-memory'];
const deviceMemoryBytes = gibibytes === undefined ? undefined : atLeastOne('device-memory', gibibytes) * 2 ** 30;

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
const { signal } = stopping;
const peer = device.ownMemory ? undefined : await peerOrNone();
const folder = await mkdtemp(join(flags.dir, 'qwen-edit-bench-'));
const bench: Bench = {
  ...{ quick, threads, rounds, peer, folder, note },
  precisions: runnablePrecisions('cpu'),
  run: (schema, script, ...args) =>
    jsonFromProgram(schema, process.execPath, [join(import.meta.dirname, script), ...args.map(String)], signal),
  add: (row) => console.log(tableRow(row)),
  async attempt(what, by, measure) {
    note(`${what}, ${by}`);
    try {
      return await measure();
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      console.log(tableGap(what, by, toAppError(thrown).message));
      return undefined;
    }
  },
};
console.log(
  `${processorName()}; ${threads} threads, ${rounds} rounds, Node ${process.versions.node}; load average ${loadavg()[0]?.toFixed(1)} at the start.\n`,
);
console.log(tableHead);
try {
  if (device.ownMemory) {
    const isSoftware = device.keepsOutputs && isSoftwareAdapter(vulkanDriver);
    await benchDevice(bench, { device: device.key, deviceMemoryBytes, isSoftware });
  } else for (const part of parts) await part(bench);
} catch (thrown) {
  if (!signal.aborted) throw thrown;
  process.exitCode = 130;
} finally {
  // Gigabytes of made-up weights must not stay behind.
  await rm(folder, { recursive: true, force: true });
}
console.log(`\nLoad average ${loadavg()[0]?.toFixed(1)} at the end.`);

async function peerOrNone(): Promise<Peer | undefined> {
  if (flags['with-diffusers'] === false) return undefined;
  try {
    return await findPeer(flags.python, signal);
  } catch (thrown) {
    if (flags['with-diffusers'] === true) throw thrown;
    note(
      `${flags.python} has no torch and diffusers: there is nothing to measure beside (--python PATH names another)`,
    );
    return undefined;
  }
}
