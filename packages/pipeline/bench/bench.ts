import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError } from '@qwen-edit/contract';
import { trueWidth, writeRandomTransformer } from './random-transformer.ts';
import { BLOCK_FLOPS, PRODUCT_FLOPS, SHAPE } from './shape.ts';

/**
 * npm run bench [-- --with-diffusers] [--python PATH] [--threads N] [--rounds N] [--dir FOLDER]
 * Each figure is measured in a process of its own, one after the other, and all go into one Markdown table.
 */
const { values: flags } = parseArgs({
  options: {
    'with-diffusers': { type: 'boolean', default: false },
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const LAYERS = 2;
const { threads, rounds } = flags;
const GIB = 2 ** 30;

interface Block {
  readonly block_s: number;
  readonly best_s: number;
}
interface Theirs extends Block {
  readonly torch: string;
  readonly diffusers: string;
}
interface Measured extends Block {
  readonly load_s: number;
  readonly peak: number;
}

const rows: string[][] = [];
const add = (...cells: string[]): void => {
  rows.push(cells);
};
const seconds = (value: number): string => `${value.toFixed(2)} s`;
const gflops = (flops: number, time: number): string => `${(flops / time / 1e9).toFixed(0)} GFLOPS`;
const note = (text: string): void => {
  process.stderr.write(`${text} …\n`);
};

note('plain matrix products');
const matmul = await node<{ seconds: number }>('measure-matmul.ts', threads, rounds);
add(
  'the block’s matrix products alone, ONNX Runtime fp32',
  seconds(matmul.seconds),
  gflops(PRODUCT_FLOPS, matmul.seconds),
  '',
);

const folder = await mkdtemp(join(flags.dir, 'qwen-edit-bench-'));
try {
  for (const dtype of ['F32', 'BF16'] as const) {
    note(`our block, ${dtype} weights`);
    const dir = join(folder, dtype);
    await mkdir(dir);
    const bytes = writeRandomTransformer(dir, trueWidth(LAYERS), dtype);
    // The first process puts the file into the page cache.
    await node('measure-transformer.ts', dir, String(LAYERS), threads, '0');
    const ours = await node<Measured>('measure-transformer.ts', dir, String(LAYERS), threads, rounds);
    const name = dtype === 'F32' ? 'one block, ours, fp32' : 'one block, ours, fp32 from bf16 weights';
    const memory = `loads in ${seconds(ours.load_s)}; peak ${(ours.peak / GIB).toFixed(2)} GiB, weights ${(bytes / GIB).toFixed(2)}, + ${((ours.peak - bytes) / GIB).toFixed(2)}`;
    add(name, seconds(ours.block_s), gflops(BLOCK_FLOPS, ours.block_s), memory);
    await rm(dir, { recursive: true });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

if (flags['with-diffusers']) {
  for (const dtype of ['float32', 'bfloat16']) {
    note(`diffusers’ block, ${dtype}`);
    const shape = [SHAPE.rows, SHAPE.columns, SHAPE.text].map(String);
    const script = join(import.meta.dirname, 'diffusers_blocks.py');
    try {
      const theirs = await run<Theirs>(flags.python, [script, String(LAYERS), threads, rounds, ...shape, dtype]);
      const name = `one block, diffusers ${theirs.diffusers}, torch ${theirs.torch}, ${dtype}`;
      add(name, seconds(theirs.block_s), gflops(BLOCK_FLOPS, theirs.block_s), '');
    } catch (error) {
      add(`one block, diffusers, ${dtype}`, 'not measured', error instanceof Error ? error.message : '', '');
    }
  }
}

note('an edit of the demo model at 256²');
const demoModel = join(import.meta.dirname, '../../demo-model');
for (const count of new Set(['1', threads])) {
  const demo = await node<{ load_s: number; edit_s: number; peak: number }>(
    'measure-demo-edit.ts',
    demoModel,
    count,
    rounds,
  );
  add(
    `an edit of the demo model, 256², 6 steps, ${count} thread${count === '1' ? '' : 's'}`,
    seconds(demo.edit_s),
    '',
    `loads in ${seconds(demo.load_s)}; peak ${(demo.peak / GIB).toFixed(2)} GiB`,
  );
}

const cpu = cpus()[0]?.model ?? 'unknown processor';
console.log(
  `${cpu}, ${threads} threads, Node ${process.versions.node}; load average ${loadavg()[0]?.toFixed(1)} at the end.`,
);
console.log(
  `Blocks at true width (3072, 24 heads), ${SHAPE.target} + ${SHAPE.reference} + ${SHAPE.text} tokens, ${(BLOCK_FLOPS / 1e9).toFixed(0)} GFLOP; medians of ${LAYERS} blocks × ${rounds} rounds.\n`,
);
console.log(
  ['| what | time | speed | memory |', '|---|---|---|---|', ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join(
    '\n',
  ),
);

function node<T>(script: string, ...args: string[]): Promise<T> {
  return run<T>(process.execPath, [join(import.meta.dirname, script), ...args]);
}

/** Runs a program and parses the last line that it prints as JSON. */
function run<T>(program: string, args: readonly string[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1) ?? 'null'));
      else reject(new AppError('internal', `${basename(program)} ${basename(args[0] ?? '')} ended with ${code}`));
    });
  });
}
