import { createHash, randomUUID } from 'node:crypto';
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import type { OutgoingMessage, QueueLog } from '../job-queue.ts';
import { writeBody } from './message-body.ts';
import { nameOf, refusesGroups, type SqsFailure, textOf } from './sqs-error.ts';

export interface SenderOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly log: QueueLog | undefined;
}

export type Send = (batch: readonly OutgoingMessage[], signal?: AbortSignal) => Promise<readonly boolean[]>;

interface Answer {
  /** Indices of the messages that the queue has accepted. */
  readonly taken: ReadonlySet<number>;
  readonly failures: readonly SqsFailure[];
}

/** The most entries of one request. Source: Amazon SQS, SendMessageBatch. */
const BATCH = 10;

/**
 * Sends in batches of ten. In a standard queue the MessageGroupId is the owner, so that SQS shares the queue fairly among owners;
 * if the queue refuses groups, they are left out from then on. In a FIFO queue a message in flight blocks its group, so there each
 * job is its own group. Each sending has its own MessageDeduplicationId, because a job may be sent again on purpose.
 */
export function createSender({ client, queueUrl, log }: SenderOptions): Send {
  const fifo = queueUrl.endsWith('.fifo');
  let groups = true;

  function entry({ jobId, owner }: OutgoingMessage, index: number): SendMessageBatchRequestEntry {
    const base = { Id: String(index), MessageBody: writeBody(jobId) };
    if (fifo) return { ...base, MessageGroupId: groupOf(jobId), MessageDeduplicationId: randomUUID() };
    return groups ? { ...base, MessageGroupId: groupOf(owner) } : base;
  }

  /** Sends one request. Tells which messages the queue accepted, and why not the others. */
  async function request(batch: readonly OutgoingMessage[], signal: AbortSignal | undefined): Promise<Answer> {
    const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: batch.map(entry) });
    try {
      const answer = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
      return {
        taken: new Set((answer.Successful ?? []).map(({ Id }) => Number(Id))),
        failures: (answer.Failed ?? []).map(({ Code, Message }) => ({ code: Code, message: Message })),
      };
    } catch (thrown) {
      const failure = { code: nameOf(thrown), message: textOf(thrown) };
      if (!refusesGroups(failure)) throw thrown;
      return { taken: new Set(), failures: [failure] };
    }
  }

  async function sendTen(batch: readonly OutgoingMessage[], signal: AbortSignal | undefined): Promise<boolean[]> {
    const asked = groups && !fifo;
    const { taken, failures } = await request(batch, signal);
    if (asked && failures.some(refusesGroups)) {
      if (groups) log?.info({}, 'the queue takes no MessageGroupId; sending without it');
      groups = false;
      const rest = batch.filter((_, index) => !taken.has(index));
      const again = (await sendTen(rest, signal)).values();
      return batch.map((_, index) => taken.has(index) || again.next().value === true);
    }
    if (failures.length > 0) {
      const codes = [...new Set(failures.map(({ code }) => code))];
      log?.warn({ failed: batch.length - taken.size, of: batch.length, codes }, 'the queue has not taken all messages');
    }
    return batch.map((_, index) => taken.has(index));
  }

  return async (batch, signal) => {
    const results: boolean[] = [];
    for (let start = 0; start < batch.length; start += BATCH) {
      const part = batch.slice(start, start + BATCH);
      try {
        results.push(...(await sendTen(part, signal)));
      } catch (thrown) {
        if (!results.includes(true)) throw thrown;
        log?.warn({ err: thrown, unsent: batch.length - start }, 'the queue stopped taking messages');
        return [...results, ...batch.slice(start).map(() => false)];
      }
    }
    return results;
  };
}

/** A name that SQS allows for a group: up to 128 visible characters of ASCII. Other names are replaced by their digest. */
function groupOf(name: string): string {
  return /^[\x21-\x7e]{1,128}$/.test(name) ? name : createHash('sha256').update(name).digest('hex');
}
