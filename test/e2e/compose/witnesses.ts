import { SQSClient } from '@aws-sdk/client-sqs';
import type { Witnesses } from '../../faults/invariants.ts';
import { docker } from '../containers.ts';
import { messages } from '../messages.ts';
import { s3Objects } from '../objects.ts';
import type { Outside } from '../receiver.ts';
import { databaseUrlOf, type Stack } from './stack.ts';

const REGION = 'us-east-1';
const ROLES = ['api', 'dispatcher', 'worker'] as const;

/** What others saw of a deployment: its database, storage and queue, the receiver of its webhooks, and Docker. */
export async function witnessesOf(
  stack: Stack,
  outside: Outside,
  accepted: ReadonlySet<string>,
): Promise<Witnesses & { close(): void }> {
  const credentials = { accessKeyId: 'root', secretAccessKey: await stack.password('S3_ROOT_PASSWORD') };
  const endpoint = `http://127.0.0.1:${stack.env.S3_PORT}`;
  const objects = s3Objects({ endpoint, region: REGION, credentials }, 'qwen-edit', 'objects');
  const sqsEndpoint = `http://${await stack.inside('localstack')}:4566`;
  const sqs = new SQSClient({ endpoint: sqsEndpoint, region: REGION, credentials });
  return {
    databaseUrl: await databaseUrlOf(stack),
    objects,
    queues: ['jobs', 'jobs-dead'].map((name) => messages(sqs, `${sqsEndpoint}/000000000000/${name}`)),
    accepted,
    get deliveries() {
      return outside.received.map(({ url, headers, body, answer }) => ({
        url,
        webhookId: headers['webhook-id'] ?? '',
        body,
        taken: typeof answer === 'number' && answer >= 200 && answer < 300,
      }));
    },
    processes: () => findLeftOver(stack),
    close() {
      objects.close();
      sqs.destroy();
    },
  };
}

/** Two containers of each role run, each worker has one engine, and the others have none. */
async function findLeftOver(stack: Stack): Promise<readonly string[]> {
  const found: string[] = [];
  for (const role of ROLES) {
    const ids = await stack.containers(role);
    if (ids.length !== 2) found.push(`there are ${ids.length} containers of ${role}`);
    for (const id of ids) {
      const engines = (await docker(['top', id, '-eo', 'pid,args']))
        .split('\n')
        .filter((line) => /\/child\.ts\b/.test(line));
      if (engines.length !== (role === 'worker' ? 1 : 0)) found.push(`${role} ${id} has ${engines.length} engines`);
    }
  }
  return found;
}
