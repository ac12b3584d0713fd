import { AppError, toAppError } from '@qwen-edit/contract';
import { errorCode, fileFault } from '@qwen-edit/files';

/** What a failure of the file system means: `disk_full`, `output_unwritable`, else as it is. */
export function fileError(folder: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const fault = fileFault(thrown);
  if (fault === 'full')
    return new AppError('disk_full', `The disk of ${folder} became full during the download (${errorCode(thrown)}).`, {
      hint: 'What has arrived is kept: free some space and run the same command again, and it goes on from there. Or choose another disk by HF_HOME or QWEN_EDIT_2511_DIR.',
      cause: thrown,
    });
  if (fault === 'closed')
    return new AppError('output_unwritable', `Files cannot be written to ${folder}: ${toAppError(thrown).message}.`, {
      hint: 'Check its owner and permissions, or choose another folder by HF_HOME or QWEN_EDIT_2511_DIR.',
      cause: thrown,
    });
  return toAppError(thrown);
}
