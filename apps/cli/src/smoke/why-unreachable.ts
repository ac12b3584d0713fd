/** Why a call got no answer, in words, and what to do. */
export interface Unreachable {
  readonly message: string;
  readonly hint: string;
}

const CLOCK = 'Renew the certificate of the service, and look at the clock of this machine.';
const TRUST =
  'Name the certificate of its authority in NODE_EXTRA_CA_CERTS (a PEM file), or give the service one that this machine trusts, with all intermediates.';
const NAME = 'Call the service by a name that its certificate has, or add this name to it.';
const NOT_TLS = 'Call it with http://, or let what stands before the service speak TLS on this port.';
const NOT_HTTP = 'Call it with https:// if it speaks TLS there, and look at the port.';
const RESOLVE = 'Look at the name in --url, and whether this machine asks the right DNS server.';
const LISTEN = 'Look at the port in --url, and whether the service or the balancer runs and is published there.';
const FIREWALL = 'Look at firewalls, security groups and routes between this machine and the service.';
const CLOSED = 'Look at the log of whatever stands before the service, as a balancer: its limits and time-outs.';

const KNOWN: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ENOTFOUND: ['The name is not known', RESOLVE],
  EAI_AGAIN: ['The name cannot be looked up now', RESOLVE],
  ECONNREFUSED: ['Nobody listens', LISTEN],
  ETIMEDOUT: ['The connection is not answered', FIREWALL],
  UND_ERR_CONNECT_TIMEOUT: ['The connection is not answered', FIREWALL],
  EHOSTUNREACH: ['There is no way to the host', FIREWALL],
  ENETUNREACH: ['There is no way to the network', FIREWALL],
  ECONNRESET: ['The connection was cut', CLOSED],
  EPIPE: ['The connection was cut', CLOSED],
  UND_ERR_SOCKET: ['The connection was cut', CLOSED],
  UND_ERR_HEADERS_TIMEOUT: ['No answer came', CLOSED],
  UND_ERR_BODY_TIMEOUT: ['The answer stopped in the middle', CLOSED],
  CERT_HAS_EXPIRED: ['The certificate has expired', CLOCK],
  CERT_NOT_YET_VALID: ['The certificate is not valid yet', CLOCK],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['The certificate is signed by itself', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: ['An authority that this machine does not know has signed the certificate', TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['The certificate cannot be verified', TRUST],
  UNABLE_TO_GET_ISSUER_CERT: ['The certificate cannot be verified', TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['The certificate cannot be verified', TRUST],
  ERR_TLS_CERT_ALTNAME_INVALID: ['The certificate is for another name', NAME],
  ERR_SSL_WRONG_VERSION_NUMBER: ['The port does not speak TLS', NOT_TLS],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['The port does not speak TLS', NOT_TLS],
  EPROTO: ['The port does not speak TLS as this machine does', NOT_TLS],
};

/** Reads what fetch threw, down to the cause that says why. */
export function whyUnreachable(thrown: unknown, where: string): Unreachable {
  const codes = codesOf(thrown);
  for (const code of codes) {
    const known = KNOWN[code];
    if (known !== undefined) return { message: `${known[0]}: ${where} (${code}).`, hint: known[1] };
    if (code.startsWith('HPE_'))
      return { message: `The port does not speak HTTP: ${where} (${code}).`, hint: NOT_HTTP };
    if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_'))
      return { message: `TLS fails: ${where} (${code}).`, hint: TRUST };
  }
  const why = codes[0] ?? rootOf(thrown);
  return { message: `There is no answer: ${where} (${why}).`, hint: LISTEN };
}

const CUTS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** True if fetch threw because a connection was cut before an answer came. */
export const wasCut = (thrown: unknown): boolean => codesOf(thrown).some((code) => CUTS.has(code));

/** The words of the deepest cause: fetch itself only says that it failed. */
function rootOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : rootOf(thrown.cause);
}

/** The codes of an error and of what caused it, the nearest first. */
function codesOf(thrown: unknown): string[] {
  const codes: string[] = [];
  for (let each = thrown; each instanceof Error && codes.length < 10; each = each.cause) {
    if ('code' in each && typeof each.code === 'string') codes.push(each.code);
    if (each instanceof AggregateError) codes.push(...each.errors.flatMap(codesOf));
  }
  return codes;
}
