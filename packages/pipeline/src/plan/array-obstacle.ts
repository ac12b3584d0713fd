import { type EditNeeds, STAGES } from './residency.ts';

const GB = 1e9;
const WHAT = {
  encode_text: 'the text encoder',
  encode_pictures: 'the VAE',
  modulate: 'the modulations',
  denoise: 'the transformer',
  decode: 'the VAE',
} as const;

/** Why an edit cannot be made on a device whose arrays are limited, whatever memory it has; undefined if it can. */
export function arrayObstacle({ largest, largestArray }: EditNeeds): string | undefined {
  const stage = STAGES.find((each) => largest[each] > largestArray);
  if (stage === undefined) return undefined;
  const [needed, most] = [largest[stage], largestArray].map((bytes) => `${(bytes / GB).toFixed(1)} GB`);
  return `One array of ${WHAT[stage]} would have ${needed}, and the device takes ${most} at once.`;
}
