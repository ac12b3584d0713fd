import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { createSqsClient, type SqsQueueOptions } from './sqs-client.ts';
import { toSqsError } from './sqs-error.ts';

/** What an SQS queue is set to, and how much is in it. */
export interface SqsFacts {
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  /** Receipts after which a message goes to the dead-letter queue; undefined without such a queue. */
  readonly maxReceiveCount: number | undefined;
  readonly messages: number;
}

const redriveSchema = z.object({ maxReceiveCount: z.coerce.number() });

/** Reads the attributes of a queue, which changes nothing. Throws AppError `queue_unavailable`. */
export async function describeSqsQueue(
  options: Pick<SqsQueueOptions, 'queueUrl' | 'endpoint' | 'region' | 'credentials' | 'setting'>,
  signal: AbortSignal,
): Promise<SqsFacts> {
  const { queueUrl, setting = 'QUEUE_URL' } = options;
  const client = createSqsClient({ ...options, visibilityMs: 0 });
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] });
    const { Attributes: found = {} } = await client.send(command, { abortSignal: signal });
    return {
      visibilitySeconds: Number(found.VisibilityTimeout ?? 0),
      retentionSeconds: Number(found.MessageRetentionPeriod ?? 0),
      maxReceiveCount: redriveSchema.safeParse(parsed(found.RedrivePolicy)).data?.maxReceiveCount,
      messages: Number(found.ApproximateNumberOfMessages ?? 0),
    };
  } catch (thrown) {
    throw toSqsError(thrown, setting);
  } finally {
    client.destroy();
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
