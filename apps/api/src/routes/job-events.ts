import { fieldError, isTerminal, jobEventListSchema } from '@qwen-edit/contract';
import { readEvents } from '@qwen-edit/db';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { findJob } from '../find-job.ts';
import { jobParamsSchema } from '../routing/path-params.ts';
import { queryNumber } from '../routing/read-query.ts';
import { type ApiRoute, defineRoute, emptyAnswer } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { bodyStream, limitStall } from '../stream/body-stream.ts';
import { followJob, presentEvent, seqOfEventId } from '../stream/sse.ts';

const MAX_SEQ = 999_999_999;
const querySchema = z.strictObject({
  after: queryNumber(0, MAX_SEQ).optional(),
  limit: queryNumber(1, 1000).optional(),
});
const DEFAULT_LIMIT = 100;

type StreamDeps = Pick<Services, 'watch' | 'limits' | 'log' | 'streams'>;

/**
 * The log of a job: as a stream that grows if the caller accepts text/event-stream, else as JSON of what there is now.
 */
export function jobEventRoutes(deps: StreamDeps & Pick<Services, 'database'>): readonly ApiRoute[] {
  const { database } = deps;
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/jobs/:id/events',
      scope: 'read',
      summary: 'Reads or follows the events of a job',
      params: jobParamsSchema,
      query: querySchema,
      answers: {
        200: {
          description: 'The events',
          content: {
            'application/json': jobEventListSchema,
            'text/event-stream': z.string(),
          },
        },
        204: emptyAnswer('The caller has seen the last event of a job that has ended'),
      },
      async handler({ c, caller: { owner }, params: { id }, query: { after = 0, limit = DEFAULT_LIMIT } }) {
        const { job } = await findJob(deps, owner, id);
        if (!/\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')) {
          const events = await readEvents(database.db, id, after, limit);
          return c.json({ data: events.map(presentEvent) });
        }
        const from = lastSeen(c, id) ?? after;
        // This status tells a browser not to connect again; the end of a stream does not.
        if (isTerminal(job.status) && from >= job.eventSeq) return c.body(null, 204);
        return streamEvents(c, deps, id, from);
      },
    }),
  ];
}

function lastSeen(c: ApiContext, jobId: string): number | undefined {
  const header = c.req.header('last-event-id');
  if (header === undefined || header === '') return undefined;
  const seq = seqOfEventId(header, jobId);
  if (seq === undefined)
    throw fieldError('Last-Event-ID', { code: 'invalid', rule: 'is not the id of an event of this job' });
  return seq;
}

function streamEvents(
  c: ApiContext,
  { watch, limits, log, streams }: StreamDeps,
  jobId: string,
  after: number,
): Response {
  const headers = {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    // Asks nginx to pass each event on at once.
    'X-Accel-Buffering': 'no',
  };
  if (c.req.raw.method === 'HEAD') return c.body(null, 200, headers);
  const { outgoing } = c.env;
  const reading = new AbortController();
  const leave = streams.enter();
  const { heartbeatMs, stallMs } = limits;
  const lost = c.get('credentialLost');
  const texts = followJob(watch, { jobId, after, heartbeatMs, signal: reading.signal, lost });
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
