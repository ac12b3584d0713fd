export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
export { pause } from './pause.ts';
export { type RepeatOptions, type Round, repeat } from './repeat.ts';
export { type RetryOptions, retry } from './retry.ts';
export { type TimeLimitOptions, timeLimit } from './time-limit.ts';
