import { costOf, type DeviceName, type EstimatedModel } from '@qwen-edit/contract';
import { estimateEdit } from '@qwen-edit/pipeline';

const USUAL_PICTURE = { width: 1024, height: 1024 };

/** Tells whether a usual edit has all weights of a model in so much memory of a device; undefined for a model of unknown widths. */
export function fitsUsualEdit(
  model: EstimatedModel,
  device: DeviceName,
  precision: string,
): ((bytes: number) => boolean) | undefined {
  if (model.shape === undefined) return undefined;
  return (bytes) => {
    if (!Number.isFinite(bytes)) return true;
    const device_memory_bytes = Math.floor(bytes);
    const machine = { memory_bytes: device_memory_bytes, device_memory_bytes, threads: 1 };
    const edit = estimateEdit({ ...model, device, precision, machine }, [USUAL_PICTURE], costOf({}));
    return edit.memory?.verdict !== 'streams' && edit.memory?.verdict !== 'too_large';
  };
}
