import { AppError, isTerminal } from '@qwen-edit/contract';
import { readEvents } from '@qwen-edit/db';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { ApiContext, ApiEnv } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { jobIdOf } from '../ids.ts';
import { parseQuery, queryNumber } from '../query.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { bodyStream, limitStall } from '../stream/body-stream.ts';
import { followJob, presentEvent, seqOfEventId } from '../stream/sse.ts';
import { findJob } from './jobs.ts';

const MAX_SEQ = 999_999_999;
const querySchema = z.strictObject({
  after: queryNumber(0, MAX_SEQ).optional(),
  limit: queryNumber(1, 1000).optional(),
});
const DEFAULT_LIMIT = 100;

/** The log of a job: as it grows for who accepts text/event-stream, else as it is. */
export function jobEventRoutes(app: Hono<ApiEnv>, services: Services): void {
  route(app, '/v1/jobs/:id/events', {
    GET: async (c) => {
      const { owner } = await services.gate.admit(c, 'read');
      const id = jobIdOf(c);
      const { job } = await findJob(services, owner, id);
      const { after = 0, limit = DEFAULT_LIMIT } = parseQuery(c, querySchema);
      if (!/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
        const events = await readEvents(services.database.db, id, after, limit);
        return c.json({ data: events.map(presentEvent) });
      }
      const from = lastSeen(c, id) ?? after;
      // This status tells a browser not to connect again; an ended stream alone does not.
      if (isTerminal(job.status) && from >= job.eventSeq) return c.body(null, 204);
      return streamEvents(c, services, id, from);
    },
  });
}

function lastSeen(c: ApiContext, jobId: string): number | undefined {
  const header = c.req.header('last-event-id');
  if (header === undefined || header === '') return undefined;
  const seq = seqOfEventId(header, jobId);
  if (seq === undefined)
    throw new AppError('invalid_parameter', 'Last-Event-ID is not the id of an event of this job.');
  return seq;
}

function streamEvents(
  c: ApiContext,
  { watch, limits, log, streams }: Services,
  jobId: string,
  after: number,
): Response {
  const headers = {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    // Asks nginx not to collect the events.
    'X-Accel-Buffering': 'no',
  };
  if (c.req.raw.method === 'HEAD') return c.body(null, 200, headers);
  const { outgoing } = c.env;
  const reading = new AbortController();
  const leave = streams.enter();
  const { heartbeatMs, stallMs } = limits;
  const texts = followJob(watch, { jobId, after, heartbeatMs, signal: reading.signal });
  limitStall(outgoing, Math.max(stallMs, 2 * heartbeatMs));
  const body = bodyStream(encode(texts), outgoing, {
    end() {
      reading.abort();
      leave();
    },
    onError: (thrown) => log.error({ job_id: jobId, errors: describeError(thrown) }, 'an event stream failed'),
  });
  return c.body(body, 200, headers);
}

async function* encode(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}
