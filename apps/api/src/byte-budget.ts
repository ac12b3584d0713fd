import { AppError } from '@qwen-edit/contract';

/** The part of the budget that one request holds. */
export interface ByteShare {
  /**
   * Takes bytes of the budget; called before the memory itself is taken. Throws AppError `not_ready` if all requests
   * together would hold too much.
   */
  hold(bytes: number): void;
  /** Gives back a part of what it holds. */
  release(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}

export interface ByteBudget {
  open(): ByteShare;
  /** The bytes that all shares hold. */
  held(): number;
}

/** So much of the budget may wait for the garbage collector before it is called. */
const UNCOLLECTED = 1 / 4;
/** A request that gives its bytes back is still on the stack, and refers to them. */
const COLLECT_AFTER_MS = 100;

/**
 * Limits the memory that all requests together may fill with bodies and pictures. Bytes that were given back are garbage, which
 * still fills memory: V8 collects it when it makes more objects, and so not at all in a process that rests, however much memory
 * lies in its buffers. `collect` collects it; it is called when a quarter of the budget is garbage, and when garbage is all that
 * stands in the way of a request.
 */
export function createByteBudget(total: number, collect: () => void): ByteBudget {
  let held = 0;
  let garbage = 0;
  let timer: NodeJS.Timeout | undefined;

  function collectNow(): void {
    clearTimeout(timer);
    timer = undefined;
    garbage = 0;
    collect();
  }
  function giveBack(bytes: number): void {
    held -= bytes;
    garbage += bytes;
    if (garbage > total * UNCOLLECTED) timer ??= setTimeout(collectNow, COLLECT_AFTER_MS).unref();
  }

  return {
    open() {
      let mine = 0;
      return {
        hold(bytes) {
          if (held + bytes > total) {
            throw new AppError('not_ready', 'Other requests hold as many pictures as fit into memory.');
          }
          if (held + garbage + bytes > total) collectNow();
          held += bytes;
          mine += bytes;
        },
        release(bytes) {
          const given = Math.min(bytes, mine);
          mine -= given;
          giveBack(given);
        },
        close() {
          giveBack(mine);
          mine = 0;
        },
      };
    },
    held: () => held,
  };
}
