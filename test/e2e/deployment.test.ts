import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { IMAGES } from '../setup/images.ts';
import { startDeployment } from './deployment.ts';
import { serviceTests } from './suites/service.ts';
import { sqsTests } from './suites/sqs.ts';

it('compose.yaml starts the very images that a deployment is tested with', async () => {
  const compose = await readFile(join(import.meta.dirname, '../../infra/compose.yaml'), 'utf8');
  const named = [...compose.matchAll(/^ *image: (\S+)$/gm)].map(([, image]) => image);
  expect(named).toEqual(expect.arrayContaining(Object.values(IMAGES)));
});

describe.each(await containerSuites(['PostgreSQL, MinIO, LocalStack, two processes of each role']))(
  'deployment: %s',
  () => serviceTests(startDeployment, [{ name: 'a queue that errs', tests: sqsTests }]),
);
