import { AppError } from '@qwen-edit/contract';
import type { z } from 'zod';

/** The first thing that a schema found wrong, as an AppError `invalid_parameter` that names the path of the value. */
export function invalidParameter(error: z.ZodError): AppError {
  const issue = error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const message = issue?.message ?? 'invalid';
  if (path === '') return new AppError('invalid_parameter', message);
  return new AppError('invalid_parameter', /^[A-Z]/.test(message) ? `${path}: ${message}` : `${path} ${message}`);
}
