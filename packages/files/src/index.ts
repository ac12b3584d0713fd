export { errorCode, fileFault } from './file-fault.ts';
export { type FileLock, isHeld, type LockTiming, takeLock } from './file-lock.ts';
export { bytesText, type DiskSpace, diskSpace, freeBytes, hasSpace } from './free-space.ts';
