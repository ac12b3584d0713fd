import { expect, it } from 'vitest';
import { startupProblem } from './startup-problem.ts';

/** As PgBouncer, RDS Proxy, PostgreSQL and pg said it. */
it.each([
  ['08P01', 'unsupported startup parameter: statement_timeout', 'parameter'],
  ['08P01', 'unsupported startup parameter in options: statement_timeout', 'parameter'],
  ['0A000', "Feature not supported: RDS Proxy currently doesn't support the option statement_timeout.", 'parameter'],
  ['', 'The server does not support SSL connections', 'tls'],
  ['', 'There was an error establishing an SSL connection', 'tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number', 'tls'],
  ['08P01', 'SSL required', 'tls_wanted'],
  ['28000', 'This RDS Proxy requires TLS connections', 'tls_wanted'],
  ['28000', 'no pg_hba.conf entry for host "10.0.0.9", user "app", database "jobs", no encryption', 'denied'],
  ['28P01', 'password authentication failed for user "app"', undefined],
  ['57014', 'canceling statement due to statement timeout', undefined],
  ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432', undefined],
])('%s %s says what to try next', (code, message, problem) => {
  expect(startupProblem(Object.assign(new Error(message), { code }))).toBe(problem);
});
