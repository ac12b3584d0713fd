import { expect, it } from 'vitest';
import { pictures, pipelineFor, request } from '../engine/edits.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

const MINUTES = 15 * 60_000;
const small = (steps: number) => request(steps, { reference_size: 'output' });

describeOnDevice('an engine on the device', () => {
  it(
    'ends an edit that is cancelled, survives kill -9, and works beside one on the processor',
    async () => {
      const [onDevice, onProcessor] = [await pipelineFor({ device: TEST_DEVICE }), await pipelineFor()];
      const wanted = pictures(await onDevice.edit(small(2)));

      const canceling = new AbortController();
      const canceled = onDevice.edit(small(100), {
        signal: canceling.signal,
        onStep: ({ stage, step }) => stage === 'denoise' && step >= 1 && canceling.abort(),
      });
      await expect(canceled).rejects.toMatchObject({ code: 'canceled' });

      const pid = onDevice.enginePid;
      const crashed = onDevice.edit(small(100), {
        onStep: ({ stage, step }) =>
          stage === 'denoise' && step === 1 && process.kill(onDevice.enginePid ?? 0, 'SIGKILL'),
      });
      await expect(crashed).rejects.toMatchObject({ code: 'engine_crashed' });

      const [again, beside] = await Promise.all([onDevice.edit(small(2)), onProcessor.edit(small(2))]);
      expect(pictures(again)).toEqual(wanted);
      expect(onDevice.enginePid).not.toBe(pid);
      expect(again.receipt.device).toBe(TEST_DEVICE);
      expect(beside.receipt.device).toBe('cpu');
    },
    MINUTES,
  );
});
