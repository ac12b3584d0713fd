import { AppError } from '@qwen-edit/contract';
import { errorCode, fileFault } from '@qwen-edit/files';

const ELSEWHERE = 'QWEN_EDIT_OFFLOAD_FOLDER names another folder for prepared weights';

/** What a failed write of prepared weights means: AppError `disk_full` or `output_unwritable`; undefined for anything else. */
export function writeFault(folder: string, thrown: unknown): AppError | undefined {
  const fault = fileFault(thrown);
  if (fault === undefined) return undefined;
  return fault === 'full'
    ? new AppError(
        'disk_full',
        `The disk of ${folder} became full while weights were prepared (${errorCode(thrown)}).`,
        {
          hint: `What is done is kept: free some space and try again. ${ELSEWHERE}.`,
          cause: thrown,
        },
      )
    : new AppError('output_unwritable', `Prepared weights cannot be written to ${folder} (${errorCode(thrown)}).`, {
        hint: `Check the folder's owner and permissions. ${ELSEWHERE}.`,
        cause: thrown,
      });
}
