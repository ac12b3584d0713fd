import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Planes } from '../src/arrays.ts';
import { deviceNamed } from '../src/engine/devices.ts';
import { precisionNamed } from '../src/engine/precision.ts';
import { loadVae } from '../src/engine/vae.ts';
import { openWeights } from '../src/weights/open-weights.ts';
import { TRUE_VAE, writeRandomVae } from './random-vae.ts';
import { median } from './shape.ts';

/**
 * Measures encoding or decoding a square picture with the VAE in `dir`, which is written if it is not there, alone in this process: load time, seconds a picture and
 * peak memory. The first picture warms up, unless it is the only one (0 rounds). Prints JSON.
 */
const [dir = '', direction = 'decode', side = '1024', threads = '1', rounds = '2'] = process.argv.slice(2);

if (!existsSync(join(dir, 'diffusion_pytorch_model.safetensors'))) writeRandomVae(dir);
const start = performance.now();
const vae = await loadVae(
  {
    device: deviceNamed(),
    precision: precisionNamed(),
    threads: Number(threads),
    root: dir,
    pause: async () => undefined,
  },
  TRUE_VAE,
  await openWeights(dir, 'diffusion_pytorch_model'),
);
const load_s = (performance.now() - start) / 1000;

const waves = (channels: number, length: number): Planes => ({
  data: Float32Array.from({ length: channels * length * length }, (_, i) => Math.sin(i)),
  channels,
  height: length,
  width: length,
});
const encodes = direction === 'encode';
const input = encodes ? waves(TRUE_VAE.input_channels, Number(side)) : waves(TRUE_VAE.z_dim, Number(side) / vae.factor);
const times: number[] = [];
for (let round = 0; round <= Number(rounds); round++) {
  const before = performance.now();
  await (encodes ? vae.encode(input) : vae.decode(input));
  times.push((performance.now() - before) / 1000);
}
const counted = times.length > 1 ? times.slice(1) : times;
const peak = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ load_s, seconds: median(counted), best_s: Math.min(...counted), peak }));
