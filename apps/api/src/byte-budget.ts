import { AppError } from '@qwen-edit/contract';

/** What one request holds of the budget. */
export interface ByteShare {
  /** Throws AppError `not_ready` where all requests together would hold too much. */
  hold(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}

export interface ByteBudget {
  open(): ByteShare;
  /** Held by all shares. */
  held(): number;
}

/** Bounds the memory that all requests together fill with what callers send. */
export function createByteBudget(total: number): ByteBudget {
  let held = 0;
  return {
    open() {
      let mine = 0;
      return {
        hold(bytes) {
          if (held + bytes > total) {
            throw new AppError('not_ready', 'Other requests hold as many pictures as fit into memory.');
          }
          held += bytes;
          mine += bytes;
        },
        close() {
          held -= mine;
          mine = 0;
        },
      };
    },
    held: () => held,
  };
}
