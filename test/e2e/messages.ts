import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { AwsAddress } from '../setup/start-services.ts';

/** A queue of messages as it lies there, without the code under test. */
export interface Messages {
  readonly url: string;
  /** Visible, hidden and delayed. */
  count(): Promise<number>;
  send(body: string): Promise<void>;
  /** Loses all that are visible. */
  purge(): Promise<void>;
}

export interface Queues {
  readonly jobs: Messages;
  /** Where messages of `jobs` go that came back too often. */
  readonly dead: Messages;
  close(): void;
}

const MAX_RECEIVES = 20;

/** Makes a queue of jobs, and its dead-letter queue. */
export async function makeQueues({ endpoint, region, credentials }: AwsAddress): Promise<Queues> {
  const client = new SQSClient({ endpoint, region, credentials });
  const make = async (name: string, attributes: Record<string, string>): Promise<string> => {
    const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    return QueueUrl;
  };
  const name = randomUUID();
  const dead = await make(`dead-${name}`, {});
  const command = new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] });
  const { Attributes } = await client.send(command);
  const policy = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: MAX_RECEIVES };
  const jobs = await make(`jobs-${name}`, { RedrivePolicy: JSON.stringify(policy) });
  return { jobs: messages(client, jobs), dead: messages(client, dead), close: () => client.destroy() };
}

/** The messages of the queue at this URL. */
export function messages(client: SQSClient, url: string): Messages {
  return {
    url,
    async count() {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: [
            'ApproximateNumberOfMessages',
            'ApproximateNumberOfMessagesNotVisible',
            'ApproximateNumberOfMessagesDelayed',
          ],
        }),
      );
      return Object.values(Attributes).reduce((sum, value) => sum + Number(value), 0);
    },
    async send(body) {
      await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
    },
    async purge() {
      await client.send(new PurgeQueueCommand({ QueueUrl: url }));
    },
  };
}
