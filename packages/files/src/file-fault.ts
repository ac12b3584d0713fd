const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const CLOSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOENT']);

/** What a failed write means: the disk is full, or the place cannot be written to; undefined for anything else. */
export function fileFault(thrown: unknown): 'full' | 'closed' | undefined {
  const code = errorCode(thrown);
  if (FULL.has(code)) return 'full';
  return CLOSED.has(code) ? 'closed' : undefined;
}

/** The system's name for an error, as ENOSPC; empty if it has none. */
export const errorCode = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
