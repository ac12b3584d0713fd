import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { JobMessage, JobQueue, QueueLog, ReceiveOptions } from '../job-queue.ts';
import { parseBody } from './message-body.ts';
import { seconds, writeReceipt } from './receipt.ts';

export interface ReceiverOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly visibilityMs: number;
  readonly now: () => number;
  readonly log: QueueLog | undefined;
}

/** Longest poll and most messages of one request. Source: Amazon SQS, ReceiveMessage. */
const LONGEST_POLL_S = 20;
const BATCH = 10;
/** A message of a later version is hidden for this time, so that newer workers may receive it. */
const LATER_S = 60;

/** Long polls until there is a message, `waitMs` is over, or the signal is aborted. Throws what the SDK throws. */
export function createReceiver(options: ReceiverOptions): JobQueue['receive'] {
  const { client, queueUrl, visibilityMs, now, log } = options;

  async function poll(max: number, waitS: number, signal: AbortSignal): Promise<readonly Message[]> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(BATCH, max),
        WaitTimeSeconds: Math.min(LONGEST_POLL_S, waitS),
        VisibilityTimeout: seconds(visibilityMs),
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
      { abortSignal: signal },
    );
    return Messages;
  }

  /** The messages that name jobs. Deletes or hides the others. */
  async function keepJobs(received: readonly Message[]): Promise<JobMessage[]> {
    const receivedAt = now();
    const kept: JobMessage[] = [];
    for (const { Body, ReceiptHandle = '', MessageId, Attributes } of received) {
      const body = parseBody(Body);
      if (body.kind === 'job') {
        const receiveCount = Number(Attributes?.ApproximateReceiveCount ?? 1);
        kept.push({ jobId: body.jobId, receiveCount, receipt: writeReceipt(ReceiptHandle, receivedAt) });
      } else {
        const facts = { message_id: MessageId, bytes: Buffer.byteLength(Body ?? '') };
        await dispose(body.kind, ReceiptHandle, facts).catch((error: unknown) => {
          log?.warn({ ...facts, err: error }, 'a message that points at no job comes back');
        });
      }
    }
    return kept;
  }

  async function dispose(kind: 'later' | 'malformed', handle: string, facts: object): Promise<void> {
    const message = { QueueUrl: queueUrl, ReceiptHandle: handle };
    if (kind === 'later') {
      log?.warn(facts, 'left a message of a later version to newer workers');
      await client.send(new ChangeMessageVisibilityCommand({ ...message, VisibilityTimeout: LATER_S }));
    } else {
      // It names no job, so nothing is lost: queued jobs without a message are sent again.
      log?.warn(facts, 'deleted a message that is not ours');
      await client.send(new DeleteMessageCommand(message));
    }
  }

  return async ({ max, waitMs, signal }: ReceiveOptions): Promise<readonly JobMessage[]> => {
    const deadline = performance.now() + waitMs;
    for (let waitS = toSeconds(waitMs); !signal.aborted; waitS = toSeconds(deadline - performance.now())) {
      const received = await poll(max, waitS, signal);
      const messages = await keepJobs(received);
      if (messages.length > 0) return received.length < BATCH ? messages : more(messages, max, signal);
      if (waitS === 0) break;
    }
    return [];
  };

  /** Receives more without waiting, as long as batches are full. An error never loses messages that are here already. */
  async function more(messages: JobMessage[], max: number, signal: AbortSignal): Promise<readonly JobMessage[]> {
    while (messages.length < max) {
      const received = await poll(max - messages.length, 0, signal).catch((error: unknown) => {
        if (!signal.aborted) log?.warn({ err: error }, 'received fewer messages than asked for');
        return [];
      });
      messages.push(...(await keepJobs(received)));
      if (received.length < BATCH) break;
    }
    return messages;
  }
}

const toSeconds = (ms: number): number => Math.max(0, Math.ceil(ms / 1000));
