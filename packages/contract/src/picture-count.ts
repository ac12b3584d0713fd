import { fieldError } from './field-errors.ts';

/** Throws `invalid_parameter`, at the field `images`, for more pictures than the model takes: `max_images` of its facts. */
export function requirePictureCount(count: number, most: number): void {
  if (count <= most) return;
  throw fieldError('images', {
    code: 'too_many',
    rule: `must have at most ${most} ${most === 1 ? 'picture' : 'pictures'} with this model, not ${count}`,
    parameters: { max: most },
  });
}
