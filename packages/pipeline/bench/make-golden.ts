import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { loadModel } from '../src/engine/model.ts';
import { GOLDEN_FOLDER, GOLDEN_NAMES } from '../src/self-test/golden-edit.ts';
import { makeGoldenEdit } from '../src/self-test/run-golden-edit.ts';

/**
 * `npm run golden:demo-model`, which is `make-golden.ts packages/demo-model`, makes the golden edit that workers compare themselves with: in fp32, on the CPU, with one thread.
 * Run it when the weights of the demo model change, and never to make a failing self-test pass.
 */
const SIDE = 64;

/** A picture with all that networks see: slopes of each colour, an edge, and fine detail. */
function drawGoldenInput(): Uint8Array {
  const levels = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const inside = (x - 40) ** 2 + (y - 26) ** 2 < 14 ** 2;
      const stripes = y > 44 && (x + y) % 6 < 3 ? 60 : 0;
      levels.set(inside ? [220, 60, 40] : [4 * x, 255 - 3 * y - stripes, 90 + 2 * y], 3 * (y * SIDE + x));
    }
  }
  return levels;
}

/** A safetensors file of fp32 vectors. Source: the format's specification (huggingface/safetensors). */
function safetensorsOf(values: ReadonlyMap<string, Float32Array>): Uint8Array {
  let end = 0;
  const entries = [...values].map(([name, { length, byteLength }]) => {
    const data_offsets = [end, end + byteLength];
    end += byteLength;
    return [name, { dtype: 'F32', shape: [length], data_offsets }] as const;
  });
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(json.padEnd(8 * Math.ceil(json.length / 8)));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const data = [...values.values()].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([prefix, header, ...data]);
}

const [modelDir = ''] = process.argv.slice(2);
const folder = join(modelDir, GOLDEN_FOLDER);
const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
const picture = await sharp(drawGoldenInput(), { raw }).png({ compressionLevel: 9 }).toBuffer();
const model = await loadModel(modelDir, {
  device: 'cpu',
  precision: 'fp32',
  threads: 1,
  pause: async () => undefined,
});
const { values, result } = await makeGoldenEdit(model, picture);
await model.release();
const vectors = new Map(GOLDEN_NAMES.map((name) => [name, values[name] ?? new Float32Array()]));
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'picture.png'), picture);
await writeFile(join(folder, 'golden.png'), result);
await writeFile(join(folder, 'golden.safetensors'), safetensorsOf(vectors));
for (const [name, { length }] of vectors) console.log(`${name}: ${length} values`);
