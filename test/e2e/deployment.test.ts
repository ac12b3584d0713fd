import { describe } from 'vitest';
import { containerSuites } from '../containers.ts';
import { startDeployment } from './deployment.ts';
import { serviceTests } from './suites/service.ts';
import { sqsTests } from './suites/sqs.ts';

describe.each(await containerSuites(['PostgreSQL, MinIO, LocalStack, two processes of each role']))(
  'deployment: %s',
  () => serviceTests(startDeployment, [{ name: 'a queue that errs', tests: sqsTests }]),
);
