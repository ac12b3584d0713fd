import type { Job } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import {
  apiOf,
  cancelJob,
  eventsOf,
  eventTypesOf,
  newPicture,
  postJson,
  submitPrompt,
  untilEnded,
  untilStep,
  untilSucceeded,
} from '../calls.ts';
import { expectGapless, openEvents } from '../event-stream.ts';
import { hostOf, PARTS, type System } from '../system.ts';

/** An edit that stays at step 2 the first time, until somebody ends that, and goes through the next time. */
export const stayOnce = (): string => `stay once:${crypto.randomUUID()} at:2`;

/** Each process is told to stop (SIGTERM) while it is at work, and another takes its place. */
export function stopTests(the: () => System): void {
  it('a worker that is told to stop gives its job back, and another ends it', async () => {
    const system = the();
    const { id } = await submitPrompt(system, stayOnce());
    await untilStep(system, id, 2);
    const host = await hostOf(system, id);
    expect(await host.stop()).toBe(0);
    await system.start('worker');
    const job = await untilSucceeded(system, id);
    expect(job.attempt).toBeGreaterThan(1);
    // Or its lease was lost before, where the machine stalls.
    const types = await eventTypesOf(system, id);
    expect(types.some((type) => type === 'job.released' || type === 'job.retrying')).toBe(true);
  });

  it('an API that is told to stop answers who waits, ends its streams, and their readers go on elsewhere', async () => {
    const system = the();
    const [api] = system.members('api');
    if (api?.url === undefined) throw new Error('no API lives');
    const prompt = stayOnce();
    const images = [(await newPicture()).toString('base64')];
    const waiting = postJson(`${api.url}/v1/jobs`, { prompt, images }, { headers: { prefer: 'wait=60' } });
    const { id } = await submitPrompt(system, prompt.replace('once', 'also'), {}, { api: api.url });
    const stream = await openEvents(api.url, id);
    await stream.untilCount(1);

    expect(await api.stop()).toBe(0);
    const answer = await waiting;
    expect(answer.status).toBe(202);
    const waited = (await answer.json()) as Job;
    system.accepted.add(waited.id);
    await stream.ended;
    await system.start('api');

    const rest = await openEvents(apiOf(system), id, stream.events.at(-1)?.id);
    for (const each of [id, waited.id]) await cancelJob(system, each);
    await rest.ended;
    const seen = [...stream.events, ...rest.events];
    expectGapless(seen);
    expect(seen).toEqual(await eventsOf(system, id));
    expect(seen.at(-1)?.type).toBe('job.canceled');
    await untilEnded(system, waited.id);
  });

  it('a dispatcher that is told to stop loses no webhook and no message', async () => {
    const system = the();
    const name = `stopped-${crypto.randomUUID()}`;
    const { id } = await submitPrompt(system, 'x', { webhook_url: system.outside.hook(name, 'never') });
    await system.outside.untilReceived(name);
    const ends = await Promise.all(system.members('dispatcher').map((member) => member.stop()));
    expect(ends.every((end) => end === 0)).toBe(true);
    const later = ends.length > 1 ? await submitPrompt(system, 'x') : undefined;
    await Promise.all(ends.map(() => system.start('dispatcher')));
    const deliveries = await system.outside.untilReceived(name, 2);
    expect(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    await untilSucceeded(system, id);
    if (later !== undefined) await untilSucceeded(system, later.id);
  });

  it('all at once, in the middle of many jobs', async () => {
    const system = the();
    const jobs = await startMany(system);
    const counts = PARTS.map((part) => system.members(part).length);
    expect((await system.stop()).every((end) => end === 0)).toBe(true);
    await startAgain(system, counts);
    for (const { id } of jobs) await untilSucceeded(system, id);
  });
}

/** As many of each part as there were; one process that is all three counts once. */
export async function startAgain(system: System, counts: readonly number[]): Promise<void> {
  for (const [i, part] of PARTS.entries()) {
    const missing = (counts[i] ?? 0) - system.members(part).length;
    await Promise.all(Array.from({ length: missing }, () => system.start(part)));
  }
}

/** As many jobs in their middle as there are workers, and others that wait. */
export async function startMany(system: System): Promise<readonly Job[]> {
  const running = await Promise.all(system.members('worker').map(() => submitPrompt(system, stayOnce())));
  for (const { id } of running) await untilStep(system, id, 2);
  const waiting = Array.from({ length: 10 }, (_, n) =>
    submitPrompt(system, 'each:20ms', {}, { api: apiOf(system, n) }),
  );
  return [...running, ...(await Promise.all(waiting))];
}
