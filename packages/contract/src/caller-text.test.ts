import { describe, expect, it } from 'vitest';
import { callerJobError, callerTextOf } from './caller-text.ts';
import { AppError, ERRORS, type ErrorFacts, isErrorCode } from './errors.ts';
import { presentJob } from './present-job.ts';
import { problemOf } from './problem.ts';

/** What an error may name that is nothing to a caller, as a place of the service would word it. */
const OPERATORS =
  'There is no bucket edits-prod at https://s3.internal:9000; see /var/lib/qwen-edit, QWEN_EDIT_2511_DIR and `journalctl`.';
/** Names of settings, commands, flags, files and parts that only whoever runs the service can do anything about. */
const OPERATORS_WORDS =
  /[A-Z]+_URL|QWEN_EDIT_|qwen-edit |`|\B--\w|\blogs?\b|\.json|\bbucket|\bPORT\b|download|check memory/i;
/** A caller's own header is no such thing. */
const withoutOwn = (text: string): string => text.replace('`Authorization: Bearer KEY`', '');

const codes = Object.keys(ERRORS).filter(isErrorCode);
const factsOf = (code: (typeof codes)[number]): ErrorFacts => ERRORS[code];
/** What only the command can meet, on its user's own machine. */
const COMMAND_ONLY = new Set(['image_not_found', 'snapshot_invalid']);

describe('callers never see what is for whoever runs the service', () => {
  it.each(codes.filter((code) => factsOf(code).origin !== 'request'))(
    '%s tells nothing of what the place wrote',
    (code) => {
      const error = new AppError(code, OPERATORS, { hint: OPERATORS });
      const jobError = { code, message: OPERATORS, hint: OPERATORS, retryable: true };
      const own = ['queue_full', 'not_ready', 'input_missing', 'worker_lost', 'expired'].includes(code);
      for (const text of [callerTextOf(error).hint, problemOf(error, 'req_1').hint, callerJobError(jobError).hint]) {
        expect(text).not.toContain('edits-prod');
      }
      for (const text of [
        callerTextOf(error).text,
        problemOf(error, 'req_1').detail,
        callerJobError(jobError).message,
      ]) {
        expect(text === OPERATORS).toBe(own);
      }
    },
  );

  it.each(codes.filter((code) => !COMMAND_ONLY.has(code)))('%s has a hint that a caller can follow', (code) => {
    const { hint } = callerTextOf(new AppError(code, 'what happened'));
    expect(withoutOwn(hint)).not.toMatch(OPERATORS_WORDS);
    expect(hint).toMatch(/^[A-Z].*\.$/);
  });

  it('a job that an earlier version stored is shown without them', () => {
    const stored = { code: 'storage_unavailable', message: OPERATORS, hint: OPERATORS, retryable: true };
    const job = presentJob(
      {
        job: {
          ...{ id: 'job_1', status: 'failed', parameters: {}, metadata: {}, webhookUrl: null, deadlineAt: null },
          ...{ createdAt: new Date(), startedAt: null, completedAt: new Date(), attempt: 3, cancelRequestedAt: null },
          ...{ stage: null, step: null, total: null, seed: null, warnings: [], receipt: null, timings: null },
          error: stored,
        },
        ...{ inputs: [], outputs: [], queuePosition: undefined, etaSeconds: undefined },
      },
      'https://edit.example',
    );
    expect(job.error).toMatchObject({ code: 'storage_unavailable', retryable: true });
    expect(JSON.stringify(job)).not.toContain('edits-prod');
  });
});

it('an error of the request is told in its own words, and the place may know a better hint', () => {
  const error = new AppError('image_invalid', 'Picture 2 is a HEIC.', { hint: 'Export it as JPEG.' });
  expect(callerTextOf(error)).toEqual({ text: 'Picture 2 is a HEIC.', hint: 'Export it as JPEG.' });
  expect(callerTextOf(new AppError('url_refused', 'It is private.')).hint).toBe(
    'Use an http or https address of a public host.',
  );
});

it('the place may have something to say to callers, and name the job', () => {
  const error = new AppError('database_unavailable', OPERATORS, { callerHint: 'Repeat it.', jobId: 'job_1' });
  expect(problemOf(error, 'req_1')).toMatchObject({ hint: 'Repeat it.', job_id: 'job_1' });
});

it('an error of a later version is shown as it was stored', () => {
  const later = { code: 'not_known_yet', message: 'A text for callers.', hint: 'Wait.', retryable: false };
  expect(callerJobError(later)).toEqual(later);
});
