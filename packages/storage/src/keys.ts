/**
 * When the orphan sweep may delete an object that is old enough. `without-row`: when no row of the assets has the key that
 * `rowKey` gives for the object's key. `never`: the sweep leaves the kind alone.
 */
export type SweepRule =
  | { readonly rule: 'without-row'; readonly rowKey: (key: string) => string }
  | { readonly rule: 'never' };

/** One kind of stored object. */
export interface StoredKind {
  /** What the keys of the kind begin with; it ends in `/`, and no other kind has it. */
  readonly prefix: string;
  /** Who decides how long an object of this kind lives, and deletes it in the usual case. */
  readonly lifetime: string;
  /** What the orphan sweep does with an object that its owner did not delete. */
  readonly sweep: SweepRule;
  /** What a key is made from; undefined if the key is not of this kind. */
  readonly parse: (key: string) => object | undefined;
}

/** A kind with its key format. `parse(keyOf(ids))` gives the same ids again. */
export interface KeyedKind<Ids extends object> extends StoredKind {
  readonly keyOf: (ids: Ids) => string;
  readonly parse: (key: string) => Ids | undefined;
}

export interface OutputIds {
  readonly jobId: string;
  /** Token of the attempt's lease, so that no two attempts write to the same key. */
  readonly leaseToken: string;
  /** Position among the job's results, from 0. */
  readonly index: number;
  /** Without the dot. */
  readonly extension: string;
}

const ID = '[A-Za-z0-9_-]+';
const ONE_ID = new RegExp(`^(${ID})$`);
const OUTPUT = new RegExp(`^(${ID})/(${ID})/(\\d+)\\.([a-z0-9]+)$`);
const THUMBNAIL = /^(.+)\.webp$/;

const itsOwnRow: SweepRule = { rule: 'without-row', rowKey: (key) => key };

const input = storedKind<{ readonly assetId: string }>('inputs/', {
  lifetime: 'The row of the asset. Deleting a job, or retention, deletes both.',
  sweep: itsOwnRow,
  format: ({ assetId }) => assetId,
  read: (rest) => {
    const [, assetId] = ONE_ID.exec(rest) ?? [];
    return assetId === undefined ? undefined : { assetId };
  },
});

const upload = storedKind<{ readonly uploadId: string }>('uploads/', {
  lifetime: 'The row of the asset. Retention deletes both when the upload was not used for some time.',
  sweep: itsOwnRow,
  format: ({ uploadId }) => uploadId,
  read: (rest) => {
    const [, uploadId] = ONE_ID.exec(rest) ?? [];
    return uploadId === undefined ? undefined : { uploadId };
  },
});

const output = storedKind<OutputIds>('outputs/', {
  lifetime:
    'The row of the asset, which the commit of the attempt writes. Deleting the job, or retention, deletes both.',
  sweep: itsOwnRow,
  format: ({ jobId, leaseToken, index, extension }) => `${jobId}/${leaseToken}/${index}.${extension}`,
  read: (rest) => {
    const [, jobId, leaseToken, index, extension] = OUTPUT.exec(rest) ?? [];
    if (jobId === undefined || leaseToken === undefined || extension === undefined) return undefined;
    return { jobId, leaseToken, index: Number(index), extension };
  },
});

/** Kinds that thumbnails can be made of. */
const PICTURES: readonly StoredKind[] = [input, upload, output];

const thumbnail: KeyedKind<{ readonly pictureKey: string }> = storedKind('thumbnails/', {
  lifetime: 'The row of its picture. Whoever deletes the picture deletes the thumbnail too: see withThumbnails.',
  sweep: { rule: 'without-row', rowKey: (key) => thumbnail.parse(key)?.pictureKey ?? key },
  format: ({ pictureKey }) => `${pictureKey}.webp`,
  read: (rest) => {
    const [, pictureKey = ''] = THUMBNAIL.exec(rest) ?? [];
    return PICTURES.some((kind) => kind.parse(pictureKey) !== undefined) ? { pictureKey } : undefined;
  },
});

/**
 * Every kind of object that we store, in one table. A new kind is one more entry: the orphan sweep goes through this table, and
 * an object whose key is of no kind here is not ours, so it is never deleted.
 *
 * @example
 * const key = STORED_KINDS.output.keyOf({ jobId, leaseToken, index: 0, extension: 'png' });
 * // outputs/job_1/0a1b/0.png
 */
export const STORED_KINDS = { input, upload, output, thumbnail } as const;

/** Keys of objects, and of the thumbnails of those that are pictures: everything that is deleted together. */
export function withThumbnails(keys: readonly string[]): string[] {
  const isPicture = (key: string): boolean => PICTURES.some((kind) => kind.parse(key) !== undefined);
  return keys.flatMap((key) => (isPicture(key) ? [key, thumbnail.keyOf({ pictureKey: key })] : [key]));
}

function storedKind<Ids extends object>(
  prefix: string,
  {
    format,
    read,
    ...facts
  }: Pick<StoredKind, 'lifetime' | 'sweep'> & {
    /** The key after the prefix. */
    readonly format: (ids: Ids) => string;
    readonly read: (rest: string) => Ids | undefined;
  },
): KeyedKind<Ids> {
  return {
    prefix,
    ...facts,
    keyOf: (ids) => `${prefix}${format(ids)}`,
    parse: (key) => (key.startsWith(prefix) ? read(key.slice(prefix.length)) : undefined),
  };
}
