import { runChecks } from './run-checks.ts';

// The other groups cross rooms or run whole models; the quick check leaves them out.
await runChecks(['--project', 'unit']);
