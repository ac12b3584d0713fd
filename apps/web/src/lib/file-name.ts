import { endingsOf } from '@qwen-edit/contract';

const LONGEST = 48;

/** A name for a saved result: what was asked for, which result, its format. */
export function resultFileName(prompt: string, index: number, count: number, mediaType: string): string {
  const words = prompt
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, LONGEST)
    .replaceAll(/^-+|-+$/g, '');
  const number = count > 1 ? `-${index + 1}` : '';
  return `${words === '' ? 'result' : words}${number}.${endingsOf(mediaType)[0]}`;
}
