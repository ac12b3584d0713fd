import { rm } from 'node:fs/promises';
import { makeBucket } from '../buckets.ts';
import { useServer } from '../db/harness.ts';
import { serviceAddress } from '../services.ts';
import { awsSettings } from './aws-settings.ts';
import type { Queues } from './messages.ts';
import { makeQueues } from './messages.ts';
import { s3Objects } from './objects.ts';
import { processesWith } from './process-table.ts';
import { runCommand } from './processes.ts';
import { startOutside } from './receiver.ts';
import { createServiceProcesses, type ServiceRole } from './service-processes.ts';
import { PARTS, prepare, type System, startedOrRemoved } from './system.ts';

const PREFIX = 'in/front';

/** A system whose queues a test can read. */
export interface Deployment extends System {
  readonly sqs: Queues;
  /** The settings of its roles. */
  readonly env: Readonly<Record<string, string>>;
}

/** The real size: PostgreSQL, S3 on MinIO, SQS on LocalStack, and two processes of each role. `changes`: to their settings. */
export async function startDeployment(changes: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  const [{ folder, env: common }, outside, postgres, minio, localstack] = await Promise.all([
    prepare(),
    startOutside(),
    serviceAddress('postgres'),
    serviceAddress('minio'),
    serviceAddress('localstack'),
  ]);
  const server = useServer(postgres);
  const databaseUrl = await server.emptyUrl({ lasts: 'file' });
  const bucket = await makeBucket(minio);
  const sqs = await makeQueues(localstack);
  const objects = s3Objects(minio, bucket, PREFIX);
  const env = {
    ...common,
    ...changes,
    DATABASE_URL: databaseUrl,
    ...awsSettings({ minio, localstack, queues: sqs, storageUrl: `s3://${bucket}/${PREFIX}` }),
  };
  const service = createServiceProcesses(env, folder);
  const processes = () => processesWith(folder);
  const system: Deployment = {
    folder,
    outside,
    objects,
    queues: [sqs.jobs, sqs.dead],
    sqs,
    env,
    accepted: new Set(),
    databaseUrl: () => Promise.resolve(databaseUrl),
    members: (part) => service.members().filter(({ role }) => role === part),
    everyone: service.members,
    start: (part, changes) => service.start(part, changes),
    processes,
    databasePid: () => undefined,
    lastOutput: service.lastOutput,
    stop: () => Promise.all(service.members().map((member) => member.stop())),
    async remove() {
      await service.kill();
      outside.close();
      objects.close();
      sqs.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return startedOrRemoved(system, async () => {
    const migrated = runCommand(['migrate'], env, folder);
    if ((await migrated.ended) !== 0) throw new Error(`The migration failed:\n${migrated.output()}`);
    const roles: readonly ServiceRole[] = PARTS;
    await Promise.all([...roles, ...roles].map((role) => service.start(role)));
  });
}
