import { expect, it, onTestFinished } from 'vitest';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { pipelineFor, request } from './edits.ts';
import { faultyOnce } from './stand-ins.ts';

it.each([
  ['device', 'tpu', 'cpu'],
  ['precision', 'int3', 'fp32'],
])(
  'an unknown %s is refused before an engine is started, and the error lists what there is',
  async (option, name, known) => {
    // A program that is not there would fail with another code.
    const options = { modelDir: checkpointDir('tiny-c'), program: `${import.meta.dirname}/none.ts`, [option]: name };
    await expectRefusal(createPipeline(options), 'invalid_parameter', `no ${option} "${name}"`, known);
  },
);

it.each([{}, { device: '', precision: '' }, { device: 'cpu', precision: 'fp32' }])(
  'facts and receipt name the device and the precision of %j',
  async (chosen) => {
    const pipeline = await pipelineFor(chosen);
    expect(pipeline.model).toMatchObject({ device: 'cpu', precision: 'fp32' });
    const { receipt } = await pipeline.edit(request(1));
    expect(receipt).toMatchObject({ device: 'cpu', precision: 'fp32' });
  },
);

it('the engine is told both by name, also if they were left out', async () => {
  const program = await faultyOnce(
    `hello(); on('load', ({ id, device, precision }) => send({ type: 'loaded', id, load_s: 0, model: { ...model, name: device + ' ' + precision } }));`,
  );
  const pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), program });
  onTestFinished(() => pipeline.close());
  expect(pipeline.model.name).toBe('cpu fp32');
});
