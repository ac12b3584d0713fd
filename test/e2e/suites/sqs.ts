import { expect, it } from 'vitest';
import { cancelJob, eventTypesOf, submitPrompt, untilEnded, untilStep, untilSucceeded } from '../calls.ts';
import type { Deployment } from '../deployment.ts';
import { pollUntil } from '../waiting.ts';

const bodyOf = (jobId: string): string => JSON.stringify({ v: 1, job_id: jobId });

/** A queue may lose messages, bring them twice, and hold what nobody of us has sent. */
export function sqsTests(the: () => Deployment): void {
  it('messages that come several times, for jobs that wait, run or have ended, change nothing', async () => {
    const { sqs } = the();
    const ended = await submitPrompt(the(), 'x');
    await untilSucceeded(the(), ended.id);
    const running = await Promise.all(
      the()
        .members('worker')
        .map(() => submitPrompt(the(), 'stay at:1')),
    );
    for (const { id } of running) await untilStep(the(), id, 1);
    const waiting = await submitPrompt(the(), 'x');
    const all = [ended, ...running, waiting].map(({ id }) => id);
    for (const id of [...all, ...all]) await sqs.jobs.send(bodyOf(id));
    // As SQS does with messages that came back too often, whatever their jobs are doing.
    for (const id of all) await sqs.dead.send(bodyOf(id));
    for (const { id } of running) await cancelJob(the(), id);
    for (const { id } of running) expect(await untilEnded(the(), id)).toMatchObject({ status: 'canceled', attempt: 1 });
    await untilSucceeded(the(), waiting.id);
    expect((await eventTypesOf(the(), ended.id)).filter((type) => type === 'job.started')).toHaveLength(1);
  });

  it('messages of nobody go away', async () => {
    const { sqs } = the();
    const strange = ['not JSON', '{}', '{"v":1}', bodyOf('job_of_nobody'), 'x'.repeat(200_000)];
    for (const body of strange) await sqs.jobs.send(body);
    await untilSucceeded(the(), (await submitPrompt(the(), 'x')).id);
    await pollUntil('an empty queue', async () => (await sqs.jobs.count()) === 0);
  });

  it('a job whose message is lost is sent again', async () => {
    const { sqs } = the();
    const workers = the().members('worker');
    await Promise.all(workers.map((worker) => worker.stop()));
    const { id } = await submitPrompt(the(), 'x');
    await pollUntil('its message', async () => (await sqs.jobs.count()) > 0);
    await sqs.jobs.purge();
    await Promise.all(workers.map(() => the().start('worker')));
    await untilSucceeded(the(), id);
  });
}
