import { expect, it } from 'vitest';
import { apiOf, cancelJob, eventsOf, submitPrompt, untilStep } from '../calls.ts';
import { expectGapless, openEvents } from '../event-stream.ts';
import { holdIn } from '../held.ts';
import type { System } from '../system.ts';

export function streamTests(the: () => System): void {
  it('a reader whose connection is cut goes on where it was, and misses nothing', async () => {
    const system = the();
    const hold = holdIn(system);
    const { id } = await submitPrompt(system, `each:20ms steps:8 at:4 ${hold.words}`);
    const first = await openEvents(apiOf(system), id);
    // What comes after these is lost on its way.
    const seen = (await first.untilCount(2)).slice(0, 2);
    first.cut();
    await first.ended;

    // The other API, where there is one.
    const second = await openEvents(apiOf(system, 1), id, seen.at(-1)?.id);
    seen.push(...(await second.untilCount(1)).slice(0, 1));
    second.cut();
    await second.ended;

    const third = await openEvents(apiOf(system), id, seen.at(-1)?.id);
    await third.untilCount(1);
    await hold.letGo();
    await third.ended;
    seen.push(...third.events);
    expectGapless(seen);
    expect(seen).toEqual(await eventsOf(system, id));
    expect(seen.at(-1)?.type).toBe('job.succeeded');
    expect(seen.some(({ type }) => type === 'job.preview')).toBe(true);

    // Nothing is left to be told, which stops a browser from asking again.
    const headers = { accept: 'text/event-stream', 'last-event-id': seen.at(-1)?.id ?? '' };
    expect((await fetch(`${apiOf(system)}/v1/jobs/${id}/events`, { headers })).status).toBe(204);
  });

  it('twenty readers of one job all see all of it', async () => {
    const system = the();
    const { id } = await submitPrompt(system, `stay once:readers-${crypto.randomUUID()} at:1`);
    await untilStep(system, id, 1);
    const streams = await Promise.all(Array.from({ length: 20 }, (_, n) => openEvents(apiOf(system, n), id)));
    await cancelJob(system, id);
    await Promise.all(streams.map(({ ended }) => ended));
    const log = await eventsOf(system, id);
    expectGapless(log);
    for (const { events } of streams) expect(events).toEqual(log);
  });
}
