import type { PictureFormat } from '@qwen-edit/contract';

/** What the outline of a file tells before any decoder sees it. */
export interface Structure {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
  /** Memory that decoding takes at most, in bytes for each pixel. */
  readonly bytesPerPixel: number;
  /** Why decoding would take longer than a picture of this size may; undefined if it would not. */
  readonly excess?: string | undefined;
}

/**
 * Reads the outline of one format; undefined for another format, or for one without a size. It takes time in proportion to the
 * file at most, and little memory. A read beyond the end throws RangeError: the file is cut off.
 */
export type ReadStructure = (file: Buffer) => Structure | undefined;

export const startsWith = (file: Buffer, text: string, at = 0): boolean =>
  file.length >= at + text.length && file.toString('latin1', at, at + text.length) === text;
