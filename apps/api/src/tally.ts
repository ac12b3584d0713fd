/** Counts how many of something are open now. */
export interface Tally {
  /** Counts one more. The function that it returns counts it off again; only its first call counts. */
  enter(): () => void;
  count(): number;
}

/** A tally that begins at 0. */
export function createTally(): Tally {
  let open = 0;
  return {
    enter() {
      let left = false;
      open++;
      return () => {
        if (!left) open--;
        left = true;
      };
    },
    count: () => open,
  };
}
