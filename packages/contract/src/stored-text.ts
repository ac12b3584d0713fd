import { fieldError } from './field-errors.ts';

/**
 * Refuses texts that PostgreSQL cannot keep: the character NUL and halves of surrogate pairs, anywhere in a JSON value.
 * Throws AppError `invalid_parameter` that names the place.
 */
export function refuseUnstorable(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw fieldError(path, { code: 'wrong_format', rule: 'must not hold the character NUL' });
    if (!value.isWellFormed()) throw fieldError(path, { code: 'wrong_format', rule: 'must be well-formed Unicode' });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      refuseUnstorable(key, `a key of ${path}`);
      refuseUnstorable(each, `${path}.${key}`);
    }
  }
}
