import {
  AppError,
  type EditParameters,
  fieldError,
  isParameterName,
  type JobOptions,
  jobOptionsSchema,
  LIMITS,
  parseEditParameters,
  parseFields,
  refuseUnstorable,
} from '@qwen-edit/contract';
import { unknownName } from './field-names.ts';
import { withoutAliases } from './form-values.ts';
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
 * `invalid_parameter`, `prompt_empty` or `prompt_too_long`, with every field that is wrong.
 */
export function validateSubmission({ fields, images }: RawSubmission, now: Date): ValidatedSubmission {
  const parameterFields: Record<string, unknown> = {};
  const optionFields: Record<string, unknown> = {};
  const unknown: AppError[] = [];
  for (const [name, value] of withoutAliases(fields)) {
    if (isParameterName(name)) parameterFields[name] = value;
    else if (Object.hasOwn(jobOptionsSchema.shape, name)) optionFields[name] = value;
    else unknown.push(unknownName(name));
  }
  const parameters = attempt(() => parseEditParameters(parameterFields));
  const options = attempt(() => parseFields(jobOptionsSchema, optionFields));
  if (unknown.length > 0 || parameters instanceof AppError || options instanceof AppError)
    throw together([...unknown, parameters, options].filter((each) => each instanceof AppError));
  refuseUnstorable(parameters, 'params');
  refuseUnstorable(options, 'options');
  if (options.deadline !== undefined && new Date(options.deadline) <= now) {
    throw fieldError('deadline', { code: 'invalid', rule: 'lies in the past' });
  }
  if (images.length === 0 || images.length > LIMITS.images) {
    throw fieldError('images', {
      code: images.length === 0 ? 'too_few' : 'too_many',
      rule: `must have 1 to ${LIMITS.images} pictures, not ${images.length}`,
      parameters: { min: 1, max: LIMITS.images },
    });
  }
  return { parameters, options, images };
}

/** What `act` returns, or the AppError that it throws. */
function attempt<T>(act: () => T): T | AppError {
  try {
    return act();
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
}

/** One error with the fields of all; the first says what it is. */
function together(all: readonly AppError[]): AppError {
  const [first] = all;
  const errors = all.flatMap((each) => each.errors);
  return new AppError(first?.code ?? 'invalid_parameter', first?.message ?? 'The request is not valid.', { errors });
}
