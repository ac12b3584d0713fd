import { rm } from 'node:fs/promises';
import type { Role } from '../../apps/cli/src/roles/role-command.ts';
import { makeBucket } from '../buckets.ts';
import { useServer } from '../db/harness.ts';
import { serviceAddress } from '../services.ts';
import { createCrew } from './crew.ts';
import type { Queues } from './messages.ts';
import { makeQueues } from './messages.ts';
import { s3Objects } from './objects.ts';
import { processesWith } from './process-table.ts';
import { runCommand } from './processes.ts';
import { startOutside } from './receiver.ts';
import { PARTS, prepare, type System } from './system.ts';

const PREFIX = 'in/front';

/** A deployment is a system whose queue can be looked into. */
export interface Deployment extends System {
  readonly sqs: Queues;
}

/** The real size: PostgreSQL, S3 on MinIO, SQS on LocalStack, and two processes of each role. */
export async function startDeployment(): Promise<Deployment> {
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
    DATABASE_URL: databaseUrl,
    STORAGE_URL: `s3://${bucket}/${PREFIX}`,
    QUEUE_URL: sqs.jobs.url,
    QUEUE_DLQ_URL: sqs.dead.url,
    AWS_ENDPOINT_URL_S3: minio.endpoint,
    S3_FORCE_PATH_STYLE: '1',
    AWS_ENDPOINT_URL_SQS: localstack.endpoint,
    AWS_REGION: minio.region,
    // LocalStack's SQS takes any.
    AWS_ACCESS_KEY_ID: minio.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: minio.credentials.secretAccessKey,
  };
  const migrated = runCommand(['migrate'], env, folder);
  if ((await migrated.ended) !== 0) throw new Error(`The migration failed:\n${migrated.output()}`);
  const crew = createCrew(env, folder);
  const roles: readonly Role[] = PARTS;
  await Promise.all([...roles, ...roles].map((role) => crew.start(role)));

  const processes = () => processesWith(folder);
  return {
    folder,
    outside,
    objects,
    queues: [sqs.jobs, sqs.dead],
    sqs,
    accepted: new Set(),
    databaseUrl: () => Promise.resolve(databaseUrl),
    members: (part) => crew.members().filter(({ role }) => role === part),
    everyone: crew.members,
    start: (part, changes) => crew.start(part, changes),
    processes,
    databasePid: () => undefined,
    story: crew.story,
    stop: () => Promise.all(crew.members().map((member) => member.stop())),
    async remove() {
      await Promise.all(crew.members().map((member) => member.stop('SIGKILL')));
      outside.close();
      objects.close();
      sqs.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
