import { reasonOf, sqlState } from './database-error.ts';
import { TLS_WANTED } from './refusals.ts';

/**
 * What a failure to connect says about the way that was tried. `parameter`: a parameter is not taken at the start. `tls`: the
 * other side speaks no TLS, or none that we understand. `tls_wanted`: it takes no connection without. `denied`: its rules
 * have no place for this connection, which may depend on TLS.
 */
export type StartupProblem = 'parameter' | 'tls' | 'tls_wanted' | 'denied';

/** PgBouncer names the parameter; RDS Proxy says that it does not support the option. */
const PARAMETER =
  /startup parameter|_timeout\b.*(not support|unsupported|unrecognized)|support.*\b(option|parameter)\b.*_timeout/i;
const NO_TLS = /server does not support SSL|error establishing an SSL connection/i;
const TLS_CODE = /^(ERR_SSL|EPROTO)/;
const INVALID_AUTHORIZATION = '28000';

export function startupProblem(thrown: unknown): StartupProblem | undefined {
  const { message } = reasonOf(thrown);
  const code = sqlState(thrown);
  if (PARAMETER.test(message)) return 'parameter';
  if (NO_TLS.test(message) || TLS_CODE.test(code)) return 'tls';
  if (TLS_WANTED.test(message)) return 'tls_wanted';
  return code === INVALID_AUTHORIZATION ? 'denied' : undefined;
}
