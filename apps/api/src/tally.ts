/** Counts what is open now. */
export interface Tally {
  /** Opens one; the function closes it, once. */
  enter(): () => void;
  count(): number;
}

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
