import { AppError, toAppError } from '@qwen-edit/contract';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const CLOSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOENT']);

/** What a failure of the file system means: `disk_full`, `output_unwritable`, else as it is. */
export function fileError(folder: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = errorCode(thrown);
  if (FULL.has(code))
    return new AppError('disk_full', `The disk of ${folder} became full during the download (${code}).`, {
      hint: 'What has arrived is kept: free some space and run the same command again, and it goes on from there. Or choose another disk by HF_HOME or QWEN_EDIT_2511_DIR.',
      cause: thrown,
    });
  if (CLOSED.has(code))
    return new AppError('output_unwritable', `Files cannot be written to ${folder}: ${toAppError(thrown).message}.`, {
      hint: 'Check its owner and permissions, or choose another folder by HF_HOME or QWEN_EDIT_2511_DIR.',
      cause: thrown,
    });
  return toAppError(thrown);
}

export const errorCode = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
