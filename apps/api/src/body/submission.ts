import {
  AppError,
  type EditParameters,
  isParameterName,
  type JobOptions,
  jobOptionsSchema,
  LIMITS,
  parseEditParameters,
  refuseUnstorable,
} from '@qwen-edit/contract';
import { invalidParameter } from '../invalid-parameter.ts';
import type { ImageSource } from './image-source.ts';

/** The fields and pictures of a request, before they are checked. */
export interface RawSubmission {
  readonly fields: ReadonlyMap<string, unknown>;
  readonly images: readonly ImageSource[];
}

/** A request whose fields are checked. Its pictures are not loaded yet. */
export interface ValidatedSubmission {
  readonly parameters: EditParameters;
  readonly options: JobOptions;
  readonly images: readonly ImageSource[];
}

/**
 * Checks the fields of a request and the number of its pictures, but no picture and no address. Throws AppError
 * `invalid_parameter`, `prompt_empty` or `prompt_too_long`.
 */
export function validateSubmission({ fields, images }: RawSubmission, now: Date): ValidatedSubmission {
  const parameterFields: Record<string, unknown> = {};
  const optionFields: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    if (isParameterName(name)) parameterFields[name] = value;
    else if (Object.hasOwn(jobOptionsSchema.shape, name)) optionFields[name] = value;
    else throw new AppError('invalid_parameter', `${JSON.stringify(name.slice(0, 100))} is not a known field.`);
  }
  const parameters = parseEditParameters(parameterFields);
  const options = parseOptions(optionFields);
  refuseUnstorable(parameters, 'params');
  refuseUnstorable(options, 'options');
  if (options.deadline !== undefined && new Date(options.deadline) <= now) {
    throw new AppError('invalid_parameter', 'deadline lies in the past.');
  }
  if (images.length === 0 || images.length > LIMITS.images) {
    throw new AppError('invalid_parameter', `images must have 1 to ${LIMITS.images} pictures, not ${images.length}.`);
  }
  return { parameters, options, images };
}

function parseOptions(optionFields: unknown): JobOptions {
  const parsed = jobOptionsSchema.safeParse(optionFields);
  if (parsed.success) return parsed.data;
  throw invalidParameter(parsed.error);
}
