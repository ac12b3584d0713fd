import { randomBytes } from 'node:crypto';
import type { Job } from '@qwen-edit/contract';
import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { apiOf, submitPrompt, untilEnded, untilSucceeded } from '../calls.ts';
import type { ReceivedDelivery } from '../receiver.ts';
import { type System, WEBHOOK_SECRET } from '../system.ts';
import { pollUntil } from '../waiting.ts';

interface Told {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Job;
}

type Verify = (secret: string, delivery: ReceivedDelivery) => Promise<unknown>;

/** Throws where the signature is not of this secret. */
const byNpm: Verify = async (secret, { body, headers }) => new Webhook(secret).verify(body, headers);

export function webhookTests(the: () => System, python: readonly Verify[]): void {
  it.each([['npm', byNpm] as const, ...python.map((verify) => ['PyPI', verify] as const)])(
    'the standardwebhooks of %s takes our signatures, and nothing that was changed',
    async (_, verify) => {
      const system = the();
      const name = `signed-${crypto.randomUUID()}`;
      const { id } = await submitPrompt(system, 'x', { webhook_url: system.outside.hook(name) });
      const [delivery] = await system.outside.untilReceived(name);
      if (delivery === undefined) throw new Error('nothing came');
      const told = (await verify(WEBHOOK_SECRET, delivery)) as Told;
      expect(told).toMatchObject({ type: 'job.succeeded', data: { id, object: 'job', status: 'succeeded' } });
      expect(told.data.output).toHaveLength(1);
      const { timestamp, ...rest } = told;
      expect(timestamp).toBe(told.data.completed_at);
      expect(Object.keys(rest)).toEqual(['type', 'data']);

      const changed = { ...delivery, body: delivery.body.replace('succeeded', 'failed') };
      await expect(verify(WEBHOOK_SECRET, changed)).rejects.toThrow();
      await expect(verify(`whsec_${randomBytes(24).toString('base64')}`, delivery)).rejects.toThrow();
    },
  );

  it('a job may have a secret of its own', async () => {
    const system = the();
    const webhook_secret = `whsec_${randomBytes(32).toString('base64')}`;
    const name = `own-${crypto.randomUUID()}`;
    await submitPrompt(system, 'fail:image_invalid', { webhook_url: system.outside.hook(name), webhook_secret });
    const [delivery] = await system.outside.untilReceived(name);
    const told = (await byNpm(webhook_secret, delivery!)) as Told;
    expect(told).toMatchObject({ type: 'job.failed', data: { status: 'failed', error: { code: 'image_invalid' } } });
    await expect(byNpm(WEBHOOK_SECRET, delivery!)).rejects.toThrow();
  });

  it('a receiver that fails is told again under the same id, and once more when somebody asks for it', async () => {
    const system = the();
    const name = `failing-${crypto.randomUUID()}`;
    const { id } = await submitPrompt(system, 'x', { webhook_url: system.outside.hook(name, 500, 429, 'never') });
    await untilSucceeded(system, id);
    const deliveries = await system.outside.untilReceived(name, 4);
    expect(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    for (const each of deliveries) await byNpm(WEBHOOK_SECRET, each);

    const list = async (): Promise<{ id: string; status: string; log: { status: number | null }[] }[]> => {
      const response = await fetch(`${apiOf(system)}/v1/jobs/${id}/webhooks`);
      return ((await response.json()) as { data: [] }).data;
    };
    const [delivered] = await pollUntil('a delivery that is noted', async () => {
      const all = await list();
      return all[0]?.status === 'delivered' && all;
    });
    expect(delivered?.log.map(({ status }) => status)).toEqual([500, 429, null, 204]);

    const again = await fetch(`${apiOf(system)}/v1/webhook-deliveries/${delivered?.id}/redeliver`, { method: 'POST' });
    expect(again.status).toBe(202);
    const fifth = (await system.outside.untilReceived(name, 5))[4];
    expect(fifth?.headers['webhook-id']).toBe(delivered?.id);
    expect(fifth?.body).toBe(deliveries[0]?.body);
  });

  it('a receiver that never takes it is given up, and its job is what it was', async () => {
    const system = the();
    const name = `lost-${crypto.randomUUID()}`;
    const { id } = await submitPrompt(system, 'x', { webhook_url: system.outside.hook(name, 410) });
    await system.outside.untilReceived(name);
    expect(await untilEnded(system, id)).toMatchObject({ status: 'succeeded' });
    expect(system.outside.received.filter((each) => each.name === name)).toHaveLength(1);
  });
}
