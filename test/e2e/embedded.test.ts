import { describe } from 'vitest';
import { startEmbedded } from './embedded.ts';
import { serviceTests } from './suites/service.ts';

describe('embedded: one process that brings everything', () => serviceTests(startEmbedded));
