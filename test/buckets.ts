import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { AwsAddress } from './setup/start-services.ts';

/** Makes a bucket that nobody else uses; it goes with the container. Returns its name. */
export async function makeBucket({ endpoint, region, credentials }: AwsAddress): Promise<string> {
  const bucket = `objects-${randomUUID()}`;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}
