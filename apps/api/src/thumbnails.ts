import { AppError, THUMBNAIL_MEDIA_TYPE } from '@qwen-edit/contract';
import { type ObjectStore, readObject, STORED_KINDS } from '@qwen-edit/storage';
import type { Logger } from '@qwen-edit/telemetry';
import type { ByteBudget } from './byte-budget.ts';
import type { ApiDeps } from './deps.ts';
import { describeError } from './describe-error.ts';
import type { FairGate } from './fair-gate.ts';

/** A stored picture. */
export interface Original {
  readonly key: string;
  readonly bytes: number;
  readonly owner: string;
  readonly width: number;
  readonly height: number;
}

/** Small copies of stored pictures. Each is made when it is first asked for, and then kept in the store. */
export interface Thumbnails {
  /**
   * The thumbnail as WebP. Undefined if the picture itself is not in the store. Throws AppError `not_ready` while
   * memory is full, `not_found` for a picture that cannot be decoded, `canceled`, and the errors of the store.
   */
  read(picture: Original, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

export interface ThumbnailsDeps extends Pick<ApiDeps, 'makeThumbnail'> {
  readonly store: ObjectStore;
  readonly budget: ByteBudget;
  readonly decoding: FairGate;
  readonly log: Logger;
}

interface Making {
  /** The signals of all callers that wait for it. */
  readonly signals: AbortSignal[];
  readonly result: Promise<Uint8Array | undefined>;
}

/** The decoders of most formats take less. */
const BYTES_PER_PIXEL = 6;
/** Far more than any thumbnail has. */
const MAX_BYTES = 1_000_000;

const thumbnailKey = (pictureKey: string): string => STORED_KINDS.thumbnail.keyOf({ pictureKey });

export function createThumbnails({ store, makeThumbnail, budget, decoding, log }: ThumbnailsDeps): Thumbnails {
  const making = new Map<string, Making>();

  /**
   * Callers that ask for the same thumbnail at the same time share it. If all of them hang up before it starts, it is
   * not made.
   */
  function begin(picture: Original, signal: AbortSignal): Making {
    const { key } = picture;
    const signals = [signal];
    const memory = picture.width * picture.height * BYTES_PER_PIXEL;
    const result = decoding
      .run({ owner: picture.owner, bytes: memory }, async () => {
        if (!signals.every(({ aborted }) => aborted)) return make(picture);
        making.delete(key);
        throw new AppError('canceled', 'Nobody waits for the thumbnail any more.');
      })
      .finally(() => making.delete(key));
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
      // If it cannot be kept it is made again the next time.
      await store.put(thumbnailKey(key), thumbnail, { mediaType: THUMBNAIL_MEDIA_TYPE }).catch((thrown: unknown) => {
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
