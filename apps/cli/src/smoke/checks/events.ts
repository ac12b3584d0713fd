import { pause } from '@qwen-edit/async';
import { readServerSentEvents } from '@qwen-edit/client';
import {
  AppError,
  isTerminal,
  isTerminalEvent,
  knownEvent,
  parsedJson,
  type ReadableEvent,
  readableEventListSchema,
  readableEventSchema,
} from '@qwen-edit/contract';
import { foreignAnswer, problemError, type SmokeAnswer } from '../calls.ts';
import { passedWith, type SmokeCheck, type SmokeContext, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { drawSmokePicture, encodeSmokePicture } from '../pictures.ts';

/** Steps of one try after another, each a longer edit, until its events can be seen while it runs. */
const STEPS = [12, 50, 100] as const;
/** Answers to other calls on the same way, between the opening of a stream and its first byte, after which it counts as held back. */
const OTHER_ANSWERS = 10;
/** Streams in a row that end without bringing anything. */
const EMPTY_STREAMS = 5;

/**
 * The stream of a job's events: numbered without gaps, continued by Last-Event-ID, ended by the final event, and there while the job
 * runs. That the balancer holds it back is no matter of seconds: it is said if the service answered other calls all the
 * while, and the stream began only when the job was over.
 */
export const checkEvents: SmokeCheck = {
  name: 'events',
  needs: ['edit'],
  async run(context) {
    for (const steps of STEPS) {
      const seen = await watchOne(context, steps);
      if (seen.live)
        return passedWith(
          `${seen.events} events in order while the edit ran, continued after one of them, to the final one`,
        );
      if (seen.otherAnswers >= OTHER_ANSWERS)
        throw smokeFault(
          `No event arrived before the edit was over, though ${seen.otherAnswers} other calls were answered meanwhile: the stream is held back on its way.`,
          'Switch off buffering, caching and compression of /v1/jobs/*/events in what stands before the service (nginx: proxy_buffering off).',
        );
    }
    return passedWith('events in order to the final one; the edits were over too soon to see events while they ran');
  },
};

interface Watched {
  readonly events: number;
  /** True if an event arrived before the job had ended. */
  readonly live: boolean;
  readonly otherAnswers: number;
}

async function watchOne(context: SmokeContext, steps: number): Promise<Watched> {
  const { client, jobs, signal } = context;
  const parameters = { ...(await editParameters(context)), num_inference_steps: steps };
  const { id } = await jobs.submit({ images: [await encodeSmokePicture(drawSmokePicture(steps))], parameters });

  const seen: ReadableEvent[] = [];
  const arrived = new AbortController();
  const others = countAnswers(context, id, arrived.signal);
  let live = false;
  try {
    for await (const event of streamOf(context, id, 0)) {
      arrived.abort();
      seen.push(event);
      if (isFinal(event)) break;
      live ||= !isTerminal((await client.get(id, signal)).status);
      // The rest comes by a second stream, after this one.
      if (live && event.type === 'job.progress') break;
    }
  } finally {
    arrived.abort();
  }
  const otherAnswers = await others;
  for (let empty = 0; !seen.some(isFinal); empty++) {
    if (empty >= EMPTY_STREAMS)
      throw smokeFault(
        `The stream of events ended ${empty} times before the final event.`,
        'Let what stands before the service keep a stream open that is silent for 15 seconds (nginx: proxy_read_timeout 1h).',
      );
    for await (const event of streamOf(context, id, seen.at(-1)?.seq ?? 0)) {
      seen.push(event);
      empty = -1;
    }
  }
  checkOrder(id, seen);
  await checkLog(context, id, seen);
  return { events: seen.length, live, otherAnswers };
}

/** Asks for the job until `stop`, or until it has ended. Returns how often the service answered. */
async function countAnswers(
  { client, settings, signal }: SmokeContext,
  id: string,
  stop: AbortSignal,
): Promise<number> {
  for (let answers = 0; ; answers++) {
    const ended = await client.get(id, signal).then(
      ({ status }) => isTerminal(status),
      () => false,
    );
    if (ended || stop.aborted || signal.aborted) return answers;
    await pause(settings.pollMs, AbortSignal.any([stop, signal]));
  }
}

/** One stream, after event `last`, until it ends. */
async function* streamOf(
  { calls, settings, signal }: SmokeContext,
  id: string,
  last: number,
): AsyncGenerator<ReadableEvent> {
  const headers = { accept: 'text/event-stream', ...(last > 0 ? { 'last-event-id': `${id}:${last}` } : {}) };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutMs)]);
  const response = await calls.open(`v1/jobs/${id}/events`, { headers, signal: limit });
  if (response.status === 204 || response.body === null) return;
  if (response.status >= 400) throw problemError(await readWhole(response));
  if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
    throw foreignAnswer(response.status, await response.text());
  try {
    for await (const { id: told, data } of readServerSentEvents(response.body)) {
      const event = readableEventSchema.parse(parsedJson(data));
      if (told !== event.id)
        throw smokeFault(
          `An event has the id ${told ?? 'of none'} in the stream, and ${event.id} in its data.`,
          UNCHANGED,
        );
      yield event;
    }
  } catch (thrown) {
    // A stream may break off; what follows is asked for again. What is no event of this API is another matter.
    if (thrown instanceof AppError || signal.aborted || limit.aborted) throw tooLong(thrown, limit);
    if (thrown instanceof TypeError) return;
    throw smokeFault('The stream has an event of another form than expected.', UNCHANGED);
  }
}

const tooLong = (thrown: unknown, limit: AbortSignal): unknown =>
  limit.aborted && !(thrown instanceof AppError)
    ? smokeFault('The stream of events does not end.', 'Wait longer with --timeout, or look at the log of the worker.')
    : thrown;

async function readWhole(response: Response): Promise<SmokeAnswer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes, text: new TextDecoder().decode(bytes) };
}

function checkOrder(id: string, seen: readonly ReadableEvent[]): void {
  const wrong = seen.findIndex(
    ({ seq, id: told, job_id }, i) => seq !== i + 1 || told !== `${id}:${seq}` || job_id !== id,
  );
  if (wrong !== -1)
    throw smokeFault(
      `Event ${wrong + 1} of the stream has the id ${seen[wrong]?.id}, not ${id}:${wrong + 1}.`,
      UNCHANGED,
    );
  const final = seen.findIndex(isFinal);
  if (final !== seen.length - 1) throw smokeFault(`Events follow the final one, ${seen[final]?.type}.`, UNCHANGED);
  const type = seen.at(-1)?.type;
  if (type !== 'job.succeeded')
    throw smokeFault(`The edit ended with ${type}.`, 'Look at the log of the worker, and at what else cancels jobs.');
}

/** The log as JSON has the same events, and after the final one there are no more. */
async function checkLog({ calls }: SmokeContext, id: string, seen: readonly ReadableEvent[]): Promise<void> {
  const { text } = await calls.good(`v1/jobs/${id}/events?limit=1000`);
  const log = readableEventListSchema.safeParse(parsedJson(text)).data?.data.map((event) => event.id);
  if (log?.join() !== seen.map((event) => event.id).join())
    throw smokeFault('The log of events, as JSON, has other events than the stream.', UNCHANGED);
  const headers = { accept: 'text/event-stream', 'last-event-id': `${id}:${seen.length}` };
  const { status } = await calls.good(`v1/jobs/${id}/events`, { headers });
  if (status !== 204)
    throw smokeFault(`After the final event the stream is answered with ${status}, not 204.`, UNCHANGED);
}

function isFinal(event: ReadableEvent): boolean {
  const known = knownEvent(event);
  return known !== undefined && isTerminalEvent(known.type);
}

const UNCHANGED =
  'Let what stands before the service pass /v1/jobs/*/events and the header Last-Event-ID unchanged; all APIs have to use one database.';
