import { randomBytes } from 'node:crypto';
import { pause } from '@qwen-edit/async';
import { AppError, parsedJson, toAppError } from '@qwen-edit/contract';
import { createSigner } from '@qwen-edit/dispatcher';
import { z } from 'zod';
import { passedWith, type SmokeCheck, type SmokeContext, skippedBecause, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { drawSmokePicture, encodeSmokePicture } from '../pictures.ts';
import type { WebhookCall } from '../webhook-receiver.ts';

/** Attempts after which nobody waits for another: the third comes after minutes. */
const ATTEMPTS = 2;
const deliveriesSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      status: z.string(),
      attempts: z.number(),
      log: z.array(z.object({ status: z.number().nullable(), error: z.string().nullable() }).partial()),
    }),
  ),
});
type Delivery = z.output<typeof deliveriesSchema>['data'][number];

/** The receiver of a webhook is told of a job's end, with a signature that holds. */
export const checkWebhooks: SmokeCheck = {
  name: 'webhooks',
  needs: ['edit'],
  async run(context) {
    const { settings, jobs } = context;
    const plan = settings.webhook;
    if (plan === undefined) return skippedBecause('neither --webhook-url nor --webhook-listen is given');
    const { url, receiver } = plan;
    const secret = plan.secret ?? `whsec_${randomBytes(32).toString('base64')}`;
    const sign = createSigner(secret);
    const parameters = {
      ...(await editParameters(context)),
      webhook_url: url,
      ...(plan.secret === undefined ? { webhook_secret: secret } : {}),
    };
    const images = [await encodeSmokePicture(drawSmokePicture(6))];
    const { id } = await jobs.submit({ images, parameters }).catch((thrown: unknown) => {
      throw addressRefused(toAppError(thrown));
    });
    await jobs.untilEnded(id);
    const delivery = await untilDelivered(context, id);
    if (receiver === undefined) return passedWith(`${url} was told and answered with success`);
    checkCall(
      receiver.calls.find(({ headers }) => headers['webhook-id'] === delivery.id),
      id,
      sign,
    );
    return passedWith(`${url} was told, with a signature that holds`);
  },
};

function addressRefused(error: AppError): AppError {
  if (error.code !== 'url_refused') return error;
  return new AppError('url_refused', error.message, {
    hint: 'Name a public address with --webhook-url, or set QWEN_EDIT_ALLOW_PRIVATE_URLS=1 for API and dispatcher.',
    cause: error,
  });
}

async function untilDelivered({ calls, settings, note, signal }: SmokeContext, jobId: string): Promise<Delivery> {
  for (const end = Date.now() + settings.timeoutMs; ; ) {
    const { text } = await calls.good(`v1/jobs/${jobId}/webhooks`);
    const [delivery] = deliveriesSchema.parse(parsedJson(text)).data;
    if (delivery?.status === 'delivered') return delivery;
    const last = delivery?.log.at(-1);
    const why = last === undefined ? 'it was not called' : (last.error ?? `it answered with ${last.status}`);
    if (delivery?.status === 'failed' || (delivery?.attempts ?? 0) >= ATTEMPTS || Date.now() >= end)
      throw smokeFault(
        `The receiver of the webhook was not told: ${why.replace(/\.$/, '')}.`,
        delivery === undefined || delivery.attempts === 0
          ? 'Look at whether a dispatcher runs, and at its log.'
          : 'Call the receiver from where the dispatcher runs; its log has the cause. Private addresses need QWEN_EDIT_ALLOW_PRIVATE_URLS=1.',
      );
    note(`waiting: the webhook is not delivered yet, ${why}`);
    await pause(settings.pollMs, signal);
    if (signal.aborted) throw new AppError('canceled', 'The checks were stopped.');
  }
}

/** Throws AppError unless this command was called, about the job, and the signature holds. Source: Standard Webhooks. */
function checkCall(call: WebhookCall | undefined, jobId: string, sign: ReturnType<typeof createSigner>): void {
  if (call === undefined)
    throw smokeFault(
      'The service says that the webhook was delivered, and this command was not called.',
      'Look at where --webhook-url leads from the dispatcher: another program answers there.',
    );
  const { headers, body } = call;
  const said = z.object({ data: z.object({ id: z.string() }) }).safeParse(parsedJson(body));
  if (said.data?.data.id !== jobId)
    throw smokeFault(
      'The webhook tells of another job.',
      'Look at what stands between the dispatcher and its receivers.',
    );
  const id = String(headers['webhook-id']);
  const at = new Date(Number(headers['webhook-timestamp']) * 1000);
  const signatures = String(headers['webhook-signature'] ?? '').split(' ');
  if (!signatures.includes(sign(id, at, body)))
    throw smokeFault(
      signatures[0] === '' ? 'The webhook is not signed.' : 'The signature of the webhook does not hold.',
      'QWEN_EDIT_WEBHOOK_SECRET, where it is set here, has to be that of the service; unset it here to have the check bring its own.',
    );
}
