export { embeddedVersion } from './binaries.ts';
export { acquireDataDirLock, type DataDirInfo, type DataDirLock, readDataDirLock } from './data-dir-lock.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts';
export { beginRestoreIn, type RestoreMark } from './restore-mark.ts';
