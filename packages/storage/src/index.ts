export { createStore, type StoreOptions } from './create-store.ts';
export { closeFolder } from './file/closed-folder.ts';
export {
  type KeyedKind,
  type OutputIds,
  STORED_KINDS,
  type StoredKind,
  type SweepRule,
  withThumbnails,
} from './keys.ts';
export { contentDisposition } from './names.ts';
export type {
  ByteRange,
  GetOptions,
  ObjectBody,
  ObjectEntry,
  ObjectInfo,
  ObjectStore,
  PresignGetOptions,
  PresignPutOptions,
  PutOptions,
  StoredObject,
} from './object-store.ts';
export { type Deletion, type KeptObject, ObjectsKept, tryDelete } from './objects-kept.ts';
export { readObject } from './read-object.ts';
export type { S3Options } from './s3/s3-store.ts';
export { type SignedTerms, type UrlSigning, verifySignedUrl } from './signed-url.ts';
