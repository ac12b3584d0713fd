import { expect, it } from 'vitest';
import { cancelJob, eventTypesOf, submitPrompt, untilEnded, untilStep, untilSucceeded } from '../calls.ts';
import { enginesOf, hostOf, type System } from '../system.ts';
import { pollUntil } from '../waiting.ts';

export function cancelTests(the: () => System): void {
  it('a queued job is cancelled at once, a running one within its step, and its engine goes on to the next', async () => {
    const system = the();
    // As many as there are workers.
    const running = await Promise.all(system.members('worker').map(() => submitPrompt(system, 'stay at:2')));
    for (const { id } of running) await untilStep(system, id, 2);
    const hosts = await Promise.all(running.map(({ id }) => hostOf(system, id)));
    expect(new Set(hosts).size).toBe(hosts.length);
    const engines = await Promise.all(hosts.map((host) => enginesOf(system, host)));

    const waiting = await submitPrompt(system, 'x');
    expect(waiting.progress.queue_position).toBe(0);
    expect(await cancelJob(system, waiting.id)).toMatchObject({ status: 'canceled', started_at: null });
    expect(await eventTypesOf(system, waiting.id)).toEqual(['job.queued', 'job.canceled']);

    for (const { id } of running) {
      const asked = await cancelJob(system, id);
      expect(asked.status === 'canceled' || asked.cancel_requested).toBe(true);
      expect(await untilEnded(system, id)).toMatchObject({ status: 'canceled', output: null, error: null });
    }
    // Twice, or too late, is no error.
    expect(await cancelJob(system, waiting.id)).toMatchObject({ status: 'canceled' });

    await Promise.all(running.map(async () => untilSucceeded(system, (await submitPrompt(system, 'x')).id)));
    expect(await Promise.all(hosts.map((host) => enginesOf(system, host)))).toEqual(engines);
  });

  it('an engine that heeds no cancel is ended, and replaced', async () => {
    const system = the();
    const { id } = await submitPrompt(system, 'deaf at:1');
    await untilStep(system, id, 1);
    const host = await hostOf(system, id);
    const engines = await enginesOf(system, host);
    await cancelJob(system, id);
    expect(await untilEnded(system, id)).toMatchObject({ status: 'canceled' });
    const next = await pollUntil('another engine', async () => {
      const now = await enginesOf(system, host);
      return now.length === 1 && now;
    });
    expect(next).not.toEqual(engines);
    await untilSucceeded(system, (await submitPrompt(system, 'x')).id);
  });
}
