import { AppError, editParametersSchema, jobOptionsSchema, LIMITS } from '@qwen-edit/contract';
import { z } from 'zod';
import { addField, addFlatFields, membersOf } from './form-values.ts';
import { type ImageSource, imageSourceSchema, parseImage } from './image-source.ts';
import { parseJson } from './read-json.ts';
import type { FormPart } from './read-multipart.ts';
import { submissionBody } from './request-body.ts';
import type { RawSubmission } from './submission.ts';

const IMAGE_NAMES = /^images?(\[\])?$/;

/** The fields of a submission whose parameters may also be given elsewhere. */
export const optionalFields = { ...editParametersSchema.partial().shape, ...jobOptionsSchema.shape };
/** A file in a form. */
export const fileSchema = z.string().meta({ format: 'binary' });

/** The body of POST /v1/jobs. A form may give its fields one by one, or together as JSON in `params`. */
export const jobBody = submissionBody({
  json: z.strictObject({
    images: z.array(imageSourceSchema).min(1).max(LIMITS.images),
    ...editParametersSchema.shape,
    ...jobOptionsSchema.shape,
  }),
  form: z.object({
    image: z.array(fileSchema).min(1).max(LIMITS.images),
    params: z.string().optional(),
    ...optionalFields,
  }),
});

/** Reads a JSON body of POST /v1/jobs. Throws AppError `invalid_parameter`. */
export function fromJson(value: unknown): RawSubmission {
  const { images, ...rest } = Object.fromEntries(membersOf(value, 'The body'));
  if (!Array.isArray(images)) throw new AppError('invalid_parameter', 'images must be a list of pictures.');
  return { fields: new Map(Object.entries(rest)), images: parseImages(images, 'images') };
}

/** Pictures as JSON names them. Throws AppError `invalid_parameter` that names `path`. */
export function parseImages(images: readonly unknown[], path: string): readonly ImageSource[] {
  return images.map((image, index) => parseImage(image, `${path}.${index}`));
}

/**
 * Reads a form of POST /v1/jobs: pictures as files or texts, `params` and `metadata` as JSON, and flat fields.
 * Throws AppError `invalid_parameter` or `request_malformed`.
 */
export function fromForm(parts: readonly FormPart[], imageNames: RegExp = IMAGE_NAMES): RawSubmission {
  const fields = new Map<string, unknown>();
  const images: ImageSource[] = [];
  for (const part of parts) {
    if (imageNames.test(part.name)) images.push(imageOf(part, `image.${images.length}`));
    else if (part.name === 'params') addParams(fields, textOf(part));
    else if (part.name === 'metadata') addField(fields, 'metadata', parseJson(textOf(part), 'metadata'));
    else addFlatFields(fields, [[part.name, textOf(part)]]);
  }
  return { fields, images };
}

function addParams(fields: Map<string, unknown>, text: string): void {
  for (const [name, value] of membersOf(parseJson(text, 'params'), 'params')) addField(fields, name, value);
}

function imageOf(part: FormPart, path: string): ImageSource {
  return part.kind === 'file' ? { kind: 'bytes', bytes: part.bytes } : parseImage(part.text, path);
}

/** The text of a part. A field may come as a file, as curl sends it for `-F params=@file`. */
function textOf(part: FormPart): string {
  if (part.kind === 'text') return part.text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(part.bytes);
  } catch (cause) {
    const name = JSON.stringify(part.name.slice(0, 100));
    throw new AppError('invalid_parameter', `The part ${name} is a file, and no text.`, { cause });
  }
}
