import { readFileSync } from 'node:fs';

/** Bytes of memory of this process. */
export interface MemoryUse {
  /** The most that it has had so far, pages of mapped files among it. */
  readonly peak: number;
  /** What it has now of its own, and of mapped files; absent where the system does not tell. */
  readonly anonymous?: number | undefined;
  readonly file?: number | undefined;
}

/** Memory of this process: on Linux by /proc/self/status, else only its peak. */
export function memoryUse(): MemoryUse {
  const status = readIfThere('/proc/self/status');
  const bytes = (key: string): number | undefined => {
    const [, kibibytes] = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    return kibibytes === undefined ? undefined : 1024 * Number(kibibytes);
  };
  const peak = bytes('VmHWM') ?? process.resourceUsage().maxRSS * 1024;
  return { peak, anonymous: bytes('RssAnon'), file: bytes('RssFile') };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
