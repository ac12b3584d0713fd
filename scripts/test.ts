import { runChecks } from './run-checks.ts';

await runChecks(process.argv.slice(2));
