import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { calibrateCommand } from '../../apps/cli/src/model/calibrate-command.ts';
import { type Calibration, calibrateModel } from '../../packages/pipeline/src/index.ts';
import { changeSafetensors, copyOf, temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { prepareModel } from './prepared-folders.ts';

const demoModelDir = checkpointDir('demo');
const NORM = 'model.layers.1.input_layernorm.weight';
const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj'].map((name) => `model.layers.1.self_attn.${name}`);
const PLANTED = 17;

const calibrate = (dir: string, weightCacheDir: string, precision = 'w8a8'): Promise<Calibration> =>
  calibrateModel(dir, { precision, weightCacheDir, threads: 2, demoModelDir, pause: () => Promise.resolve() });

const countOf = ({ layers }: Calibration, name: string): number | undefined =>
  layers.find((layer) => layer.name === name)?.outliers;

describe('a calibration', () => {
  it('finds channels that are larger than the others, keeps more of them, and the next load uses that', async () => {
    const cache = await temporaryFolder();
    const dir = await copyOf('demo');
    // The scale of a norm is the only weight of its channel: 50 times as much makes 50 times as large inputs.
    await changeSafetensors(join(dir, 'text_encoder/model.safetensors'), (header, data) => {
      const { dtype, data_offsets } = header[NORM] ?? { dtype: '', data_offsets: [0, 0] };
      expect(dtype).toMatch(/F32|BF16/);
      const at = data_offsets[0] + PLANTED * (dtype === 'F32' ? 4 : 2);
      // The upper half of an fp32 is a bf16.
      const upper = at + (dtype === 'F32' ? 2 : 0);
      const value = new DataView(new ArrayBuffer(4));
      value.setUint16(0, data.readUInt16LE(upper));
      value.setFloat32(0, value.getFloat32(0) * 50);
      data.writeUInt16LE(value.getUint16(0), upper);
      return data;
    });
    const [plain, planted] = [await calibrate(demoModelDir, cache), await calibrate(dir, cache)];
    for (const name of PROJECTIONS) {
      expect(countOf(planted, name)).toBeGreaterThan(countOf(plain, name) ?? 32);
      expect(planted.layers.findIndex((layer) => layer.name === name)).toBeLessThan(20);
    }
    expect(planted.layers.map(({ largest }) => largest)).toEqual(
      planted.layers.map(({ largest }) => largest).sort((a, b) => b - a),
    );
    const table = JSON.parse(await readFile(planted.path, 'utf8'));
    expect(Object.keys(table.layers).sort()).toEqual(planted.layers.map(({ name }) => name).sort());
    const { find } = await prepareModel(cache, { dir });
    const [name = ''] = PROJECTIONS;
    expect(find(name)?.settings).toEqual({ outliers: countOf(planted, name) });
  });

  it('is refused for a precision without anything to measure', async () => {
    await expectRefusal(calibrate(demoModelDir, await temporaryFolder(), 'fp32'), 'invalid_parameter', 'fp32');
  });

  it('prints the layers with the largest inputs first, and is stopped by a signal', async () => {
    const weightCacheDir = await temporaryFolder();
    const said: string[] = [];
    const run = (signal: AbortSignal, ...args: string[]): Promise<void> =>
      calibrateCommand(args, {
        terminal: { out: (text) => said.push(text), err: () => undefined, errIsTty: false, columns: () => 80 },
        configOf: () => Object.assign(Object.create(null), { weightCacheDir, hubHome: weightCacheDir }),
        demoModelDir,
        now: () => 0,
        signal,
      });
    await run(new AbortController().signal);
    expect(said.join('')).toMatch(
      /^ largest {2}typical {2}kept {2}layer\n.*e\+3 .* model\.layers\.2\.mlp\.down_proj\n/,
    );
    expect(said.join('')).toMatch(/keeps in fp32: 0 in \d+ layers, .*\nThe next load uses them: \//);
    await expectRefusal(run(AbortSignal.abort()), 'canceled');
    await expectRefusal(run(new AbortController().signal, '--image', '/nowhere.png'), 'usage', '/nowhere.png');
  });
});
