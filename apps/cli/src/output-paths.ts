import { extname } from 'node:path';
import { AppError, type OutputFormat, outputFormatOfEnding } from '@qwen-edit/contract';

/** Format that the ending asks for. Throws AppError `usage` for another ending or none. */
export function outputFormatOf(out: string): OutputFormat {
  const format = outputFormatOfEnding(extname(out));
  if (format === undefined) throw new AppError('usage', `--out must end in .png, .jpg, .jpeg or .webp, got '${out}'.`);
  return format;
}

/** The paths of `count` pictures: OUT for one; for several OUT-0, OUT-1, …, with the number before the ending. */
export function outputPaths(out: string, count: number): string[] {
  if (count === 1) return [out];
  const extension = extname(out);
  const stem = out.slice(0, out.length - extension.length);
  return Array.from({ length: count }, (_, i) => `${stem}-${i}${extension}`);
}
