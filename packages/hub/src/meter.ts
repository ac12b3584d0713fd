/** How far a download is. */
export interface PullProgress {
  /** `waiting`: for another process that downloads the same. `checking`: bytes that are there already are read and verified. */
  readonly phase: 'listing' | 'waiting' | 'downloading' | 'checking' | 'done';
  /** The file that something happens to, if it is one. */
  readonly file?: string | undefined;
  readonly filesDone: number;
  readonly files: number;
  /** With what was there before. */
  readonly bytesDone: number;
  readonly bytes: number;
  /** Of what arrived over the network in the last seconds; null until that is known. */
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
}

export interface Meter {
  phase(phase: PullProgress['phase'], file?: string): void;
  /** What is to be there in the end. */
  total(files: number, bytes: number): void;
  /** Bytes of a file that are there: arrived, or found. Fewer than before if some had to be thrown away. */
  bytes(file: string, count: number, arrived: number): void;
  fileDone(file: string): void;
}

const WINDOW_MS = 20_000;
const TELL_MS = 200;

/** Adds up what happens to files, and tells it, at most five times a second. */
export function createMeter(
  onProgress: (progress: PullProgress) => void,
  now: () => number = performance.now.bind(performance),
): Meter {
  const done = new Map<string, number>();
  const window: { readonly at: number; readonly arrived: number }[] = [];
  let [phase, file, files, filesDone, bytes, bytesDone, arrivedInAll, toldAt]: [
    PullProgress['phase'],
    string | undefined,
    number,
    number,
    number,
    number,
    number,
    number,
  ] = ['listing', undefined, 0, 0, 0, 0, 0, Number.NEGATIVE_INFINITY];

  const tell = (): void => {
    toldAt = now();
    const bytesPerSecond = rate();
    const etaSeconds =
      bytesPerSecond === null || bytesPerSecond === 0 || phase !== 'downloading'
        ? null
        : (bytes - bytesDone) / bytesPerSecond;
    onProgress({ phase, file, filesDone, files, bytesDone, bytes, bytesPerSecond, etaSeconds });
  };
  const rate = (): number | null => {
    const [first] = window;
    if (first === undefined || now() - first.at < 500) return null;
    return Math.round(((arrivedInAll - first.arrived) / (now() - first.at)) * 1000);
  };
  return {
    phase(next, about) {
      [phase, file] = [next, about];
      // Files of one content are downloaded once.
      if (next === 'done') [filesDone, bytesDone] = [files, bytes];
      tell();
    },
    total(count, size) {
      [files, bytes] = [count, size];
    },
    bytes(about, count, arrived) {
      bytesDone += count - (done.get(about) ?? 0);
      done.set(about, count);
      const at = now();
      if (arrived > 0) {
        if (at - (window.at(-1)?.at ?? Number.NEGATIVE_INFINITY) > TELL_MS) window.push({ at, arrived: arrivedInAll });
        while (window.length > 1 && at - (window[0]?.at ?? at) > WINDOW_MS) window.shift();
        arrivedInAll += arrived;
        file = about;
      }
      if (at - toldAt >= TELL_MS) tell();
    },
    fileDone(about) {
      filesDone++;
      file = about;
      tell();
    },
  };
}
