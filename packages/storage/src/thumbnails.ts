/** Where thumbnails lie: each is named after the key of its picture, which is never used twice. */
export const THUMBNAILS = 'thumbnails/';
const ENDING = '.webp';

export function thumbnailKey(pictureKey: string): string {
  return `${THUMBNAILS}${pictureKey}${ENDING}`;
}

/** Key of the picture that an object below `thumbnails/` is made of. */
export function pictureKeyOf(thumbnailKey: string): string {
  return thumbnailKey.slice(THUMBNAILS.length, thumbnailKey.endsWith(ENDING) ? -ENDING.length : undefined);
}

/** The keys, and those of the thumbnails that there may be: what is deleted with a picture. */
export function withThumbnails(pictureKeys: readonly string[]): string[] {
  return pictureKeys.flatMap((key) => [key, thumbnailKey(key)]);
}
