/** Every format of pictures that the service takes: its media type, and its endings of file names, the usual one first. */
export const PICTURE_FORMATS = {
  jpeg: { mediaType: 'image/jpeg', endings: ['jpg', 'jpeg'] },
  png: { mediaType: 'image/png', endings: ['png'] },
  webp: { mediaType: 'image/webp', endings: ['webp'] },
  gif: { mediaType: 'image/gif', endings: ['gif'] },
  tiff: { mediaType: 'image/tiff', endings: ['tiff', 'tif'] },
  avif: { mediaType: 'image/avif', endings: ['avif'] },
  bmp: { mediaType: 'image/bmp', endings: ['bmp'] },
} as const satisfies Record<string, FormatFacts>;
export type PictureFormat = keyof typeof PICTURE_FORMATS;

interface FormatFacts {
  readonly mediaType: `image/${string}`;
  readonly endings: readonly [string, ...string[]];
}

/** The formats in which results are made. */
export const OUTPUT_FORMATS = ['png', 'jpeg', 'webp'] as const satisfies readonly PictureFormat[];
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Thumbnails and previews are small, whatever the format of their picture. */
export const THUMBNAIL_MEDIA_TYPE = PICTURE_FORMATS.webp.mediaType;
export const PREVIEW_MEDIA_TYPE = PICTURE_FORMATS.webp.mediaType;

const ALL: readonly FormatFacts[] = Object.values(PICTURE_FORMATS);

/** Every ending of file names for a media type, the usual one first: `jpg`, `jpeg` for `image/jpeg`. */
export function endingsOf(mediaType: string): readonly [string, ...string[]] {
  const known = ALL.find((format) => format.mediaType === mediaType);
  return known?.endings ?? [mediaType.replace(/^image\//, '') || 'img'];
}

/**
 * The format that the ending of a file name asks for, whatever its case; undefined for another ending or none.
 *
 * @example
 * outputFormatOfEnding('.JPG') // 'jpeg'
 */
export function outputFormatOfEnding(ending: string): OutputFormat | undefined {
  const wanted = ending.replace(/^\./, '').toLowerCase();
  return OUTPUT_FORMATS.find((format) => PICTURE_FORMATS[format].endings.some((each) => each === wanted));
}
