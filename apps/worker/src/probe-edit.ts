import { crc32, deflateSync } from 'node:zlib';
import type { EditRequest, ModelFacts } from '@qwen-edit/pipeline';

const SIDE = 64;
/** The result has so many of the model's smallest sides. */
const MULTIPLES = 4;

/**
 * The smallest edit that goes through every network of a model. A worker makes it to learn whether its device works, after an
 * engine has failed at a job. To the engine it is an edit like any other.
 */
export function probeEdit({ min_inference_steps, size_multiple }: ModelFacts): EditRequest {
  const side = MULTIPLES * size_multiple;
  return {
    images: [greyPicture(SIDE)],
    parameters: {
      prompt: 'Keep the picture as it is.',
      negative_prompt: null,
      num_inference_steps: min_inference_steps,
      true_cfg_scale: 1,
      seed: '0',
      max_side: SIDE,
      width: side,
      height: side,
      // References of the model's own area would be most of the work.
      reference_size: 'output',
    },
  };
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A grey square as PNG, 8 bits, one channel. Source: W3C, Portable Network Graphics, third edition. */
function greyPicture(side: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 8;
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(side, 0x80)]);
  const rows = Buffer.concat(Array.from({ length: side }, () => row));
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND')]);
}

function chunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
