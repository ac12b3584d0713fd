import { ChangeMessageVisibilityCommand, DeleteMessageCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { AppError } from '@qwen-edit/contract';
import type { JobMessage, JobQueue } from '../job-queue.ts';
import { handleOf, visibilityOf } from './receipt.ts';
import { createReceiver } from './receiver.ts';
import { createSender } from './sender.ts';
import { createSqsClient, type SqsQueueOptions } from './sqs-client.ts';
import { isStale, toSqsError } from './sqs-error.ts';

/**
 * A queue of Amazon SQS, standard or FIFO, or of a server with the same protocol. A dead-letter queue is used in the same way. If
 * `receive` is aborted while a message is on its way, the message comes again when its visibility ends.
 */
export function createSqsQueue(options: SqsQueueOptions): JobQueue {
  const { queueUrl, visibilityMs, log, now = Date.now, setting = 'QUEUE_URL' } = options;
  const client = createSqsClient(options);
  const closing = new AbortController();
  const send = createSender({ client, queueUrl, log });
  const receive = createReceiver({ client, queueUrl, visibilityMs, now, log });

  async function guard<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      if (signal?.aborted) throw new AppError('canceled', 'The call to the queue was cancelled.', { cause: thrown });
      throw toSqsError(thrown, setting);
    }
  }

  async function hide(message: JobMessage, timeout: number): Promise<void> {
    const ReceiptHandle = handleOf(message.receipt);
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: queueUrl,
      ReceiptHandle,
      VisibilityTimeout: timeout,
    });
    await guard(client.send(command).catch(ignoreStale));
  }

  async function attributes(
    names: readonly Attribute[],
    signal?: AbortSignal,
  ): Promise<Partial<Record<string, string>>> {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] });
    const { Attributes } = await guard(
      client.send(command, signal === undefined ? {} : { abortSignal: signal }),
      signal,
    );
    return Attributes ?? {};
  }

  return {
    kind: 'sqs',
    relayed: true,
    send: (batch, signal) => guard(send(batch, signal), signal),
    async receive(wanted) {
      if (closing.signal.aborted) throw new AppError('queue_unavailable', 'The queue was closed.');
      const signal = AbortSignal.any([wanted.signal, closing.signal]);
      try {
        return await receive({ ...wanted, signal });
      } catch (thrown) {
        if (signal.aborted) return [];
        throw toSqsError(thrown, setting);
      }
    },
    async extend(message, ms) {
      const timeout = visibilityOf(message.receipt, ms, now());
      // A timeout of 0 would show the message at once. Without a call it is shown when its 12 hours are over.
      if (timeout > 0) await hide(message, timeout);
    },
    async ack({ receipt }) {
      const command = new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handleOf(receipt) });
      await guard(client.send(command).catch(ignoreStale));
    },
    release: (message, delayMs) => hide(message, visibilityOf(message.receipt, delayMs, now())),
    async depth() {
      const found = await attributes(['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed']);
      return Object.values(found).reduce((sum, count) => sum + Number(count ?? 0), 0);
    },
    async check(signal) {
      await attributes(['QueueArn'], signal);
    },
    close() {
      closing.abort();
      client.destroy();
      return Promise.resolve();
    },
  };
}

type Attribute = 'ApproximateNumberOfMessages' | 'ApproximateNumberOfMessagesDelayed' | 'QueueArn';

function ignoreStale(thrown: unknown): void {
  if (!isStale(thrown)) throw thrown;
}
