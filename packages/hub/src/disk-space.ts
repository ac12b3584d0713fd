import { AppError } from '@qwen-edit/contract';
import { bytesText, freeBytes, hasSpace } from '@qwen-edit/files';

/**
 * Throws AppError `disk_full`, with figures, unless the disk of `folder` takes `bytes` more. A disk that tells nothing is believed to.
 * `freeOf`: for tests.
 */
export async function requireSpace(folder: string, bytes: number, freeOf = freeBytes): Promise<void> {
  const free = await freeOf(folder);
  if (hasSpace(free, bytes)) return;
  throw new AppError(
    'disk_full',
    `${bytesText(bytes)} have to be downloaded, and ${folder} has ${bytesText(free ?? 0)} free.`,
    {
      hint: 'Free some space, or choose another disk: HF_HOME moves the cache, QWEN_EDIT_2511_DIR names a folder for this model alone.',
    },
  );
}
