const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/tiff': 'tiff',
  'image/avif': 'avif',
};

const LONGEST = 48;

export const extensionOf = (mediaType: string): string => EXTENSIONS[mediaType] ?? 'img';

/** A name for a saved result: what was asked for, which result, its format. */
export function resultFileName(prompt: string, index: number, count: number, mediaType: string): string {
  const words = prompt
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, LONGEST)
    .replaceAll(/^-+|-+$/g, '');
  const number = count > 1 ? `-${index + 1}` : '';
  return `${words === '' ? 'result' : words}${number}.${extensionOf(mediaType)}`;
}
