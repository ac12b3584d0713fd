import { AppError } from '@qwen-edit/contract';

/** The system's code of an error, such as ENOENT; undefined for other errors. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** True if the error only says that there is no such object. */
export function isAbsent(thrown: unknown): boolean {
  return ABSENT.has(systemCode(thrown) ?? '');
}

/** Turns an error of the file system into an AppError. Its message names no path, because users may see it. */
export function toFileError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = systemCode(thrown);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('disk_full', 'The disk that holds the objects is full.', { cause: thrown });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError('storage_unavailable', `The folder of the objects may not be used (${code}).`, {
        hint: 'Let the user that the service runs as read and write the folder that STORAGE_URL names.',
        cause: thrown,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new AppError('storage_unavailable', `The folder of the objects is gone or no folder (${code}).`, {
        hint: 'Check the folder that STORAGE_URL names.',
        cause: thrown,
      });
    case 'EMFILE':
    case 'ENFILE':
      return new AppError('storage_unavailable', `Too many files are open (${code}).`, {
        hint: 'Raise the limit of open files (ulimit -n).',
        cause: thrown,
      });
    default:
      return new AppError('storage_unavailable', `The file system failed (${code ?? String(thrown)}).`, {
        hint: 'Check the disk under the folder that STORAGE_URL names.',
        cause: thrown,
      });
  }
}
