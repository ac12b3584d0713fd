import { randomUUID } from 'node:crypto';
import type { Job } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { queryOnce } from '../../db/query.ts';
import { findViolations } from '../../faults/invariants.ts';
import { docker } from '../containers.ts';
import { startOutside } from '../receiver.ts';
import { submitThrough, untilEndedThrough } from './caller.ts';
import type { Stack } from './stack.ts';
import { witnessesOf } from './witnesses.ts';

const EDITS = 50;

/** Kills one container of a service (SIGKILL), and starts it again, as Docker does with one that dies by itself. */
async function kill(stack: Stack, service: string): Promise<void> {
  const [id = ''] = await stack.containers(service);
  await docker(['kill', '--signal', 'KILL', id]);
  await docker(['start', id]);
}

async function restart(stack: Stack, service: string): Promise<void> {
  await stack.compose('restart', service);
}

const FAULTS: readonly { readonly service: string; readonly strike: typeof kill }[] = [
  { service: 'api', strike: kill },
  { service: 'worker', strike: kill },
  { service: 'dispatcher', strike: kill },
  { service: 'lb', strike: kill },
  { service: 'postgres', strike: kill },
  { service: 'minio', strike: restart },
  { service: 'localstack', strike: restart },
];

/** Containers die while callers edit through the balancer. */
export function containerDeathTests(the: () => Stack): void {
  it('50 edits through the balancer all succeed, whichever containers are killed meanwhile, and the invariants hold', async () => {
    const stack = the();
    const outside = await startOutside(await stack.gateway());
    const accepted = new Set<string>();
    const prompt = `Blur this photo ${randomUUID()}`;
    const submit = async (n: number): Promise<void> => {
      const hook = n % 2 === 0 ? { webhook_url: outside.hook(`edit-${n}`) } : {};
      accepted.add((await submitThrough(stack, { prompt, ...hook })).id);
    };
    // Every fault comes when the first edit of its group is accepted, while the others and those of earlier groups are on their way.
    const groups = Array.from({ length: FAULTS.length }, (_, i) =>
      Array.from({ length: EDITS }, (__, n) => n).filter((n) => n % FAULTS.length === i),
    );
    const submissions: Promise<void>[] = [];
    for (const [i, { service, strike }] of FAULTS.entries()) {
      const group = groups[i]!.map(submit);
      submissions.push(...group);
      await Promise.race(group);
      await strike(stack, service);
    }
    await Promise.all(submissions);
    await stack.untilHealthy(...FAULTS.map(({ service }) => service));
    expect(accepted.size).toBe(EDITS);
    const others: Job[] = [];
    for (const id of accepted) {
      const job = await untilEndedThrough(stack, id);
      if (job.status !== 'succeeded') others.push(job);
    }
    expect(others).toEqual([]);

    // The database is asked last for what the killed left behind.
    const witnesses = await witnessesOf(stack, outside, accepted);
    expect(await findViolations(witnesses)).toEqual([]);
    // Each was made once, however often it was sent.
    const made = await queryOnce(witnesses.databaseUrl, `select id from jobs where parameters->>'prompt' = $1`, [
      prompt,
    ]);
    expect(made).toHaveLength(EDITS);
    expect(outside.received.filter(({ answer }) => answer === 204).length).toBeGreaterThanOrEqual(EDITS / 2);
    witnesses.close();
    outside.close();
  });
}
