import { describe } from 'vitest';
import { startEmbedded } from './embedded.ts';
import { serviceTests } from './suites/service.ts';
import { takeOverTests } from './suites/take-over.ts';

describe('embedded: one process that brings everything', () =>
  serviceTests(startEmbedded, [{ name: 'a service that is killed and started again', tests: takeOverTests }]));
