import { parseArgs } from 'node:util';
import { AppError } from '@qwen-edit/contract';
import { RELEASED, writeTrueSize } from './true-size.ts';

/**
 * make-true-size.ts DIR [--layers 60] [--text-layers 28] [--vision-layers 32] [--vocabulary 152064] [--dtype BF16|F32] [--linked]
 * Writes a model folder as large as the released Qwen-Image-Edit-2511, with made-up weights: 57 GB, or less with fewer layers.
 * It edits pictures as slowly and in as much memory as the real one, and what it makes is noise.
 */
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: String(RELEASED.layers) },
    'text-layers': { type: 'string', default: String(RELEASED.textLayers) },
    'vision-layers': { type: 'string', default: String(RELEASED.visionLayers) },
    vocabulary: { type: 'string', default: String(RELEASED.vocabulary) },
    dtype: { type: 'string', default: RELEASED.dtype },
    linked: { type: 'boolean', default: false },
  },
});
const [dir] = positionals;
if (dir === undefined) throw new AppError('usage', 'make-true-size.ts needs the folder that it is to write.');
const count = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new AppError('usage', `--${name} must be a whole number of at least 1, not ${text}.`);
};
if (flags.dtype !== 'BF16' && flags.dtype !== 'F32')
  throw new AppError('usage', `--dtype must be BF16 or F32, not ${flags.dtype}.`);
const started = performance.now();
const bytes = await writeTrueSize(dir, {
  ...RELEASED,
  layers: count('layers', flags.layers),
  textLayers: count('text-layers', flags['text-layers']),
  visionLayers: count('vision-layers', flags['vision-layers']),
  vocabulary: count('vocabulary', flags.vocabulary),
  dtype: flags.dtype,
  linked: flags.linked,
});
console.log(`${(bytes / 1e9).toFixed(2)} GB in ${((performance.now() - started) / 1000).toFixed(0)} s: ${dir}`);
