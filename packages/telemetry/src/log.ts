import { type Logger, pino } from 'pino';

export type { Logger };

export interface LogOptions {
  readonly level: string;
  /** Which part of the system writes the line. */
  readonly role: string;
  /** Where lines go. Default: standard output. `serve` on a terminal passes something easier to read. */
  readonly write?: (line: string) => void;
}

/** Fields that no line may show, whoever logs it. */
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

/**
 * Creates a logger that writes one JSON object a line. Lines contain ids, never prompts, pictures, keys or signatures.
 *
 * @example
 * const log = createLogger({ level: 'info', role: 'worker' });
 * log.info({ job_id: lease.jobId }, 'a job is begun');
 */
export function createLogger({ level, role, write }: LogOptions): Logger {
  const options = {
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS, remove: true },
  };
  return write === undefined ? pino(options) : pino(options, { write });
}
