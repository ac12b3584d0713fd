import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { serviceAddress } from '../services.ts';
import { imageSuites } from './containers.ts';

const script = join(import.meta.dirname, '../../infra/docker/try-image.sh');

describe.each(await imageSuites('the test of smoke in images', ['built from this working tree']))(
  'the images: %s',
  () => {
    it('a container of the API alone, closed to changes, finds that all-in-one keeps its promises', async () => {
      const images = await serviceAddress('role-images');
      const { stdout } = await promisify(execFile)(script, [images['all-in-one'], await freePort(), images.api]);
      expect(stdout).toMatch(/\n12 ok, 0 failed, 2 skipped, in /);
    });
  },
);

async function freePort(): Promise<string> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string>();
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(String(typeof address === 'object' ? address?.port : '')));
  });
  return promise;
}
