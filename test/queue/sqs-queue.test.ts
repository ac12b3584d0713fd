import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { describeSqsQueue, type JobMessage, type JobQueue } from '@qwen-edit/queue';
import { beforeAll, describe, expect, it } from 'vitest';
import { containerSuites, serviceAddress } from '../services.ts';
import type { AwsAddress } from '../setup/start-services.ts';
import { openSqs, type SqsPlace, sqsPlace } from './drivers.ts';

const never = new AbortController().signal;
const LARGEST = 256 * 1024;

const receive = (queue: JobQueue, max = 1, waitMs = 5000): Promise<readonly JobMessage[]> =>
  queue.receive({ max, waitMs, signal: never });

async function attributesOf({ client, url }: SqsPlace): Promise<Partial<Record<string, string>>> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] });
  return (await client.send(command)).Attributes ?? {};
}

/** Messages that are in the queue, visible or not. */
async function leftIn(place: SqsPlace): Promise<number> {
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = await attributesOf(place);
  return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
}

const put = ({ client, url }: SqsPlace, body: string) =>
  client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));

it('where no SQS answers, that is said with what to look at', async () => {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const queue = openSqs(
    { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', credentials },
    'http://127.0.0.1:1/1/jobs',
  );
  const hint = expect.stringContaining('AWS_ENDPOINT_URL_SQS');
  await expect(queue.check()).rejects.toMatchObject({ code: 'queue_unavailable', hint });
  await expect(receive(queue)).rejects.toMatchObject({ code: 'queue_unavailable', hint });
});

describe.each(await containerSuites(['SQS on LocalStack']))('%s', () => {
  let aws: AwsAddress;
  beforeAll(async () => {
    aws = await serviceAddress('localstack');
  }, 180_000);

  it('a message that is received too often comes out of the dead-letter queue, which is a queue like any other', async () => {
    const dead = await sqsPlace(aws);
    const { QueueArn } = await attributesOf(dead);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: 2 });
    const place = await sqsPlace(aws, { RedrivePolicy });
    const queue = place.open();
    const [sent] = await place.messages(1);
    await queue.send([sent!]);
    for (const count of [1, 2]) {
      const [message] = await receive(queue);
      expect(message).toMatchObject({ jobId: sent?.jobId, receiveCount: count });
      await queue.release(message!, 0);
    }
    expect(await receive(queue, 1, 1000)).toEqual([]);
    const letters = dead.open();
    const [letter] = await receive(letters);
    expect(letter?.jobId).toBe(sent?.jobId);
    await letters.ack(letter!);
    expect(await leftIn(dead)).toBe(0);
  });

  it.each([
    ['is not JSON', 'not JSON'],
    ['is JSON of somebody else', '{"job":"job_1"}'],
    ['is as long as SQS takes', 'x'.repeat(LARGEST)],
    ['names no job that can be', `{"v":1,"job_id":"${'x'.repeat(LARGEST - 30)}"}`],
  ])('a message whose body %s is dropped, and those behind it come', async (_, body) => {
    const place = await sqsPlace(aws);
    await put(place, body);
    const queue = place.open();
    const [sent] = await place.messages(1);
    await queue.send([sent!]);
    const received = [...(await receive(queue, 10)), ...(await receive(queue, 10, 0))];
    expect(received.map(({ jobId }) => jobId)).toEqual([sent?.jobId]);
    await queue.ack(received[0]!);
    expect(await leftIn(place)).toBe(0);
  });

  it('a message of a later version is left for newer workers', async () => {
    const place = await sqsPlace(aws);
    await put(place, '{"v":2,"job_id":"job_1","priority":5}');
    expect(await receive(place.open(1000), 1, 2500)).toEqual([]);
    expect(await leftIn(place)).toBe(1);
  });

  it('a queue tells what it is set to; one that is not there is an error', async () => {
    const place = await sqsPlace(aws, { VisibilityTimeout: '45', MessageRetentionPeriod: '86400' });
    await put(place, 'x');
    expect(await describeSqsQueue({ queueUrl: place.url, ...aws }, never)).toEqual({
      visibilitySeconds: 45,
      retentionSeconds: 86_400,
      maxReceiveCount: undefined,
      messages: 1,
    });
    const dead = await sqsPlace(aws);
    const deadLetterTargetArn = (await attributesOf(dead)).QueueArn;
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: '3' });
    await place.client.send(new SetQueueAttributesCommand({ QueueUrl: place.url, Attributes: { RedrivePolicy } }));
    expect(await describeSqsQueue({ queueUrl: place.url, ...aws }, never)).toMatchObject({ maxReceiveCount: 3 });
    const none = describeSqsQueue({ queueUrl: `${aws.endpoint}/000000000000/none`, ...aws }, never);
    await expect(none).rejects.toMatchObject({ code: 'queue_unavailable' });
  });

  it('a queue that takes no MessageGroupId is asked once', async () => {
    const place = await sqsPlace(aws);
    const lines: string[] = [];
    const queue = openSqs(aws, place.url, {
      log: { info: (_, line) => lines.push(line), warn: (_, line) => lines.push(line) },
    });
    for (const count of [12, 1]) expect(await queue.send(await place.messages(count))).not.toContain(false);
    expect(lines).toEqual(['the queue takes no MessageGroupId; sending without it']);
    expect(await queue.depth()).toBe(13);
  });

  it('in a FIFO queue a job can be sent again, and a job that is held blocks no other of its owner', async () => {
    const place = await sqsPlace(aws, { FifoQueue: 'true' });
    const queue = place.open(30_000);
    const [first, second] = await place.messages(2);
    expect(await queue.send([first!, second!])).toEqual([true, true]);
    const held = [...(await receive(queue, 1)), ...(await receive(queue, 1))];
    expect(held.map(({ jobId }) => jobId).sort()).toEqual([first?.jobId, second?.jobId].sort());
    for (const message of held) await queue.ack(message);
    expect(await queue.send([first!])).toEqual([true]);
    expect(await receive(queue)).toMatchObject([{ jobId: first?.jobId }]);
  });

  it('a message can be hidden for as long as SQS allows, and for no longer', async () => {
    const place = await sqsPlace(aws);
    const queue = place.open();
    await queue.send(await place.messages(1));
    const [message] = await receive(queue);
    await queue.extend(message!, 48 * 3_600_000);
    expect(await leftIn(place)).toBe(1);
    expect(await queue.depth()).toBe(0);
    await queue.release(message!, 0);
    expect(await receive(queue)).toMatchObject([{ jobId: message?.jobId, receiveCount: 2 }]);
  });

  it('messages that were lost show in its depth', async () => {
    const place = await sqsPlace(aws);
    const queue = place.open();
    await queue.send(await place.messages(3));
    expect(await queue.depth()).toBe(3);
    await place.client.send(new PurgeQueueCommand({ QueueUrl: place.url }));
    expect(await queue.depth()).toBe(0);
  });

  it('the visibility of the queue itself does not matter', async () => {
    const place = await sqsPlace(aws);
    const Attributes = { VisibilityTimeout: '0' };
    await place.client.send(new SetQueueAttributesCommand({ QueueUrl: place.url, Attributes }));
    const queue = place.open(30_000);
    await queue.send(await place.messages(1));
    expect(await receive(queue)).toHaveLength(1);
    expect(await receive(queue, 1, 1000)).toEqual([]);
  });

  it('a queue that is deleted and made again can be used without a restart', async () => {
    const place = await sqsPlace(aws);
    const queue = place.open();
    await place.client.send(new DeleteQueueCommand({ QueueUrl: place.url }));
    await expect(queue.check()).rejects.toMatchObject({ message: 'The SQS queue does not exist.' });
    const name = place.url.split('/').at(-1);
    await place.client.send(new CreateQueueCommand({ QueueName: name }));
    expect(await queue.send(await place.messages(1))).toEqual([true]);
    expect(await receive(queue)).toHaveLength(1);
  });
});
