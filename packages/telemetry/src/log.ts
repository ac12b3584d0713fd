import { type Logger, pino } from 'pino';

export type { Logger };

export interface LogOptions {
  readonly level: string;
  /** Shown in each line: which part of the system speaks. */
  readonly role: string;
  /** Defaults to standard output; `serve` on a terminal hands in something friendlier. */
  readonly write?: (line: string) => void;
}

/** What a line must never show, whoever logs it. */
const SECRETS = [
  'authorization',
  'cookie',
  '*.authorization',
  '*.cookie',
  'prompt',
  '*.prompt',
  'secret',
  '*.secret',
  'url_signed',
];

/** A logger that writes one JSON object a line. Lines carry ids, never prompts, pictures, keys or signatures. */
export function createLogger({ level, role, write }: LogOptions): Logger {
  const options = {
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS, remove: true },
  };
  return write === undefined ? pino(options) : pino(options, { write });
}
