import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { AwsAddress } from '../setup/start-services.ts';

/** An object storage as it lies there, without the code under test. */
export interface Objects {
  keys(): Promise<readonly string[]>;
  read(key: string): Promise<Uint8Array | undefined>;
  /** What was begun and not finished. */
  unfinished(): Promise<readonly string[]>;
  /** Puts an object that nobody knows of. */
  plant(key: string): Promise<void>;
}

/** Behind the content of each file. */
const TRAILER_BYTES = 512;
const TEMPORARY = '~tmp';

export function fileObjects(folder: string): Objects {
  const files = async (): Promise<string[]> => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  };
  const isTemporary = (path: string): boolean => path.startsWith(TEMPORARY);
  return {
    keys: async () => (await files()).filter((path) => !isTemporary(path)),
    read: (key) =>
      readFile(join(folder, key)).then(
        (bytes) => bytes.subarray(0, -TRAILER_BYTES),
        () => undefined,
      ),
    unfinished: async () => (await files()).filter(isTemporary),
    async plant(key) {
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), 'of nobody');
    },
  };
}

export function s3Objects(
  { endpoint, region, credentials }: AwsAddress,
  bucket: string,
  prefix: string,
): Objects & { close(): void } {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const before = `${prefix}/`;
  return {
    async keys() {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: before }))
        for (const { Key = '' } of page.Contents ?? []) keys.push(Key.slice(before.length));
      return keys;
    },
    async read(key) {
      const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: before + key })).catch(() => undefined);
      return got?.Body?.transformToByteArray();
    },
    async unfinished() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.map(({ Key = '' }) => Key);
    },
    async plant(key) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: before + key, Body: 'of nobody' }));
    },
    close: () => client.destroy(),
  };
}
