import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { queryOnce } from '../../db/query.ts';
import {
  apiOf,
  cancelJob,
  eventsOf,
  getJob,
  jobWithPrompt,
  newPicture,
  postJson,
  submitPrompt,
  untilEnded,
  untilStep,
  untilSucceeded,
} from '../calls.ts';
import { expectGapless, openEvents } from '../event-stream.ts';
import { holdIn } from '../held.ts';
import { enginesOf, hostOf, MAX_ATTEMPTS, PARTS, type System } from '../system.ts';
import { pollUntil } from '../waiting.ts';
import { startAgain, startMany, stayOnce } from './stops.ts';

/** Each process is killed (SIGKILL) while it is at work. */
export function deathTests(the: () => System): void {
  it('the job of an engine that is killed is tried again in a new one', async () => {
    const system = the();
    const { id } = await submitPrompt(system, stayOnce());
    await untilStep(system, id, 2);
    const host = await hostOf(system, id);
    const engines = await enginesOf(system, host);
    expect(engines).toHaveLength(1);
    for (const pid of engines) process.kill(pid, 'SIGKILL');
    const job = await untilSucceeded(system, id);
    expect(job.attempt).toBeGreaterThan(1);
    const retried = (await eventsOf(system, id)).filter(({ type }) => type === 'job.retrying');
    expect(retried.map(({ data }) => data.error)).toContainEqual(expect.objectContaining({ code: 'engine_crashed' }));
    expect(system.members('worker')).toContain(host);
  });

  it('a job that ends its engine each time fails, and the workers go on', async () => {
    const system = the();
    const { id } = await submitPrompt(system, 'crash:sigkill at:1');
    const job = await untilEnded(system, id);
    expect(job).toMatchObject({ status: 'failed', output: null });
    // Two workers whose engines end are proof; one alone tries as often as it may.
    expect(job.attempt).toBeGreaterThan(1);
    expect(job.attempt).toBeLessThanOrEqual(MAX_ATTEMPTS);
    expect(job.error?.code).toMatch(/^(engine_crashed|worker_lost)$/);
    const errors = (await eventsOf(system, id)).map(({ data }) => data.error).filter((error) => error !== undefined);
    expect(errors).toContainEqual(expect.objectContaining({ code: 'engine_crashed' }));
    await untilSucceeded(system, (await submitPrompt(system, 'x')).id);
  });

  it('the job of a worker that is killed is ended by another, and the engine goes with its worker', async () => {
    const system = the();
    const { id } = await submitPrompt(system, stayOnce());
    await untilStep(system, id, 2);
    const host = await hostOf(system, id);
    const engines = await enginesOf(system, host);
    expect(await host.stop('SIGKILL')).toBe('SIGKILL');
    await pollUntil('the end of its engine', async () => {
      const left = (await system.processes()).map(({ pid }) => pid);
      return engines.every((pid) => !left.includes(pid));
    });
    await system.start('worker');
    const job = await untilSucceeded(system, id);
    expect(job.attempt).toBeGreaterThan(1);
  });

  it('a worker that stands still past its lease (SIGSTOP) changes nothing when it goes on', async () => {
    const system = the();
    const hold = holdIn(system);
    const { id } = await submitPrompt(system, `each:20ms steps:12 at:2 ${hold.words}`);
    await untilStep(system, id, 2);
    const host = await hostOf(system, id);
    process.kill(host.pid, 'SIGSTOP');
    await hold.letGo();
    const replaced = system.members('worker').some((member) => member !== host);
    try {
      // Its engine goes on, and has a result for it. Who stands still may be the only API, too.
      await pollUntil('a lease that is over', async () => {
        const text = `select 1 from jobs where id = $1 and (attempt > 1 or lease_expires_at < now())`;
        return (await queryOnce(await system.databaseUrl(), text, [id])).length > 0;
      });
      if (replaced) await untilSucceeded(system, id);
    } finally {
      process.kill(host.pid, 'SIGCONT');
    }
    const job = await untilSucceeded(system, id);
    // A worker that nobody replaced may commit what its engine has finished: its token is still the job's.
    expect(job.attempt).toBeGreaterThan(replaced ? 1 : 0);
    await untilSucceeded(system, (await submitPrompt(system, 'x')).id);
    expect(await getJob(system, id)).toEqual(job);
  });

  it('what an API accepted before it was killed is done, and readers go on where they were', async () => {
    const system = the();
    const [api] = system.members('api');
    if (api?.url === undefined) throw new Error('no API lives');
    const { url } = api;
    const followed = await submitPrompt(system, stayOnce(), {}, { api: url });
    const stream = await openEvents(url, followed.id);
    await stream.untilCount(1);
    const prompt = stayOnce();
    const images = [(await newPicture()).toString('base64')];
    const waiting = postJson(`${url}/v1/jobs`, { prompt, images }, { headers: { prefer: 'wait=60' } });
    const waited = await jobWithPrompt(system, prompt);
    const cutOff = expect(waiting).rejects.toThrow();

    // Some submissions are under way at any moment.
    const accepted: Job[] = [];
    let isDead = false;
    const submitUntilDead = async (): Promise<void> => {
      // One that a busy machine refuses ends no other.
      while (!isDead)
        await submitPrompt(system, 'x', {}, { api: url }).then(
          (job) => accepted.push(job),
          () => delay(20),
        );
    };
    const submitters = Array.from({ length: 4 }, submitUntilDead);
    await pollUntil('jobs that are accepted', () => accepted.length >= 8);
    await api.stop('SIGKILL');
    isDead = true;
    await Promise.all(submitters);
    await cutOff;
    await stream.ended;

    await system.start('api');
    const rest = await openEvents(apiOf(system), followed.id, stream.events.at(-1)?.id);
    for (const id of [followed.id, waited]) await cancelJob(system, id);
    await rest.ended;
    const seen = [...stream.events, ...rest.events];
    expectGapless(seen);
    expect(seen).toEqual(await eventsOf(system, followed.id));
    for (const { id } of accepted) await untilSucceeded(system, id);
  });

  it('a webhook whose dispatcher is killed before it noted the answer comes again under the same id', async () => {
    const system = the();
    const name = `killed-${crypto.randomUUID()}`;
    const { id } = await submitPrompt(system, 'x', { webhook_url: system.outside.hook(name, 'never') });
    await system.outside.untilReceived(name);
    const dispatchers = system.members('dispatcher');
    await Promise.all(dispatchers.map((member) => member.stop('SIGKILL')));
    const meanwhile = dispatchers.length > 1 ? await submitPrompt(system, 'x') : undefined;
    await Promise.all(dispatchers.map(() => system.start('dispatcher')));
    if (meanwhile !== undefined) await untilSucceeded(system, meanwhile.id);
    const deliveries = await system.outside.untilReceived(name, 2);
    expect(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    await untilSucceeded(system, id);
  });

  it('all of it at once, in the middle of many jobs', async () => {
    const system = the();
    const done = await submitPrompt(system, 'x');
    await untilSucceeded(system, done.id);
    const jobs = await startMany(system);
    const counts = PARTS.map((part) => system.members(part).length);
    await Promise.all(system.everyone().map((member) => member.stop('SIGKILL')));
    await startAgain(system, counts);
    for (const { id } of jobs) await untilSucceeded(system, id);
    expect(await getJob(system, done.id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
}
