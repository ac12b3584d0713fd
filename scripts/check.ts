import { runChecks } from './run-checks.ts';

// Tests under test/ cross rooms or run whole models; the quick check leaves them out.
await runChecks(['--exclude', 'test/**']);
