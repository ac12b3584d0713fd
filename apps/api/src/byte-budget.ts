import { AppError } from '@qwen-edit/contract';

/** The part of the budget that one request holds. */
export interface ByteShare {
  /** Takes bytes of the budget. Throws AppError `not_ready` if all requests together would hold too much. */
  hold(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}

export interface ByteBudget {
  open(): ByteShare;
  /** The bytes that all shares hold. */
  held(): number;
}

/** Limits the memory that all requests together may fill with bodies and pictures. */
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
