import { AppError } from '@qwen-edit/contract';
import { type ObjectStore, readObject, STORED_KINDS } from '@qwen-edit/storage';
import type { Logger } from '@qwen-edit/telemetry';
import type { ByteBudget } from './byte-budget.ts';
import { describeError } from './describe-error.ts';
import { createLimiter } from './limiter.ts';

/** A stored picture. */
export interface Original {
  readonly key: string;
  readonly bytes: number;
}

/** Small pictures of stored ones, kept beside them once they were asked for. */
export interface Thumbnails {
  /**
   * The thumbnail as WebP; undefined where the picture itself is not in the store. Throws AppError `not_ready` where memory
   * is full, `not_found` for a picture that cannot be read, `canceled`, and those of the store.
   */
  read(picture: Original, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

export interface ThumbnailsDeps {
  readonly store: ObjectStore;
  readonly makeThumbnail: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly budget: ByteBudget;
  /** Thumbnails that are made at once. */
  readonly atOnce: number;
  readonly log: Logger;
}

interface Making {
  /** Of those who wait for it. */
  readonly signals: AbortSignal[];
  readonly result: Promise<Uint8Array | undefined>;
}

/** Far above what any has. */
const MAX_BYTES = 1_000_000;

const thumbnailKey = (pictureKey: string): string => STORED_KINDS.thumbnail.keyOf({ pictureKey });

export function createThumbnails({ store, makeThumbnail, budget, atOnce, log }: ThumbnailsDeps): Thumbnails {
  const limit = createLimiter(atOnce);
  const making = new Map<string, Making>();

  /** However many ask for it at once, a thumbnail is made once; one that nobody waits for any more is not begun. */
  function begin(picture: Original, signal: AbortSignal): Making {
    const { key } = picture;
    const signals = [signal];
    const result = limit(async () => {
      if (!signals.every(({ aborted }) => aborted)) return make(picture);
      making.delete(key);
      throw new AppError('canceled', 'Nobody waits for the thumbnail any more.');
    }).finally(() => making.delete(key));
    const work = { signals, result };
    making.set(key, work);
    return work;
  }

  async function make({ key, bytes }: Original): Promise<Uint8Array | undefined> {
    const share = budget.open();
    try {
      share.hold(bytes);
      const original = await readObject(store, key, { maxBytes: bytes });
      if (original === undefined) return undefined;
      const thumbnail = await makeThumbnail(original).catch((thrown: unknown) => {
        log.warn({ key, errors: describeError(thrown) }, 'a stored picture cannot be read');
        throw new AppError('not_found', 'The picture cannot be read, and has no thumbnail.', { cause: thrown });
      });
      // It is made again where it could not be kept.
      await store.put(thumbnailKey(key), thumbnail, { mediaType: 'image/webp' }).catch((thrown: unknown) => {
        log.warn({ key, errors: describeError(thrown) }, 'a thumbnail could not be kept');
      });
      return thumbnail;
    } finally {
      share.close();
    }
  }

  return {
    async read(picture, signal) {
      const kept = await readObject(store, thumbnailKey(picture.key), { maxBytes: MAX_BYTES, signal });
      if (kept !== undefined) return kept;
      const known = making.get(picture.key);
      known?.signals.push(signal);
      return (known ?? begin(picture, signal)).result;
    },
  };
}
