import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext, getCACertificates, rootCertificates } from 'node:tls';
import { AppError } from '@qwen-edit/contract';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/;
export type SslMode = (typeof MODES)[number];

/** How one try to connect is made: without TLS, or with these options of it. */
export type TlsChoice = false | ConnectionOptions;

export interface TlsPlan {
  readonly mode: SslMode;
  /** What to try, in this order; more than one only where libpq falls back. */
  readonly choices: readonly [TlsChoice, ...TlsChoice[]];
}

/** Parameters of a database's URL, and where the URL stands, for messages. */
export interface TlsParameters {
  readonly get: (name: string) => string | undefined;
  readonly setting: string;
  /** A socket of this machine, which libpq never encrypts. */
  readonly local: boolean;
}

/**
 * The meaning that libpq gives to `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `sslpassword` and `sslcrl`; pg's own differs.
 * Without `sslmode` it is `prefer`. Files are read now. Two things differ from libpq: the files of ~/.postgresql are not
 * looked for, and `verify-full` without `sslrootcert` trusts what `sslrootcert=system` trusts, where libpq refuses.
 * Throws AppError `usage`. Source: the PostgreSQL documentation, section "SSL Support" of libpq.
 */
export function planTls(parameters: TlsParameters): TlsPlan {
  const mode = modeOf(parameters);
  if (mode === 'disable' || parameters.local) return { mode, choices: [false] };
  const tls = optionsOf(mode, parameters);
  if (mode === 'allow') return { mode, choices: [false, tls] };
  return { mode, choices: mode === 'prefer' ? [tls, false] : [tls] };
}

function modeOf({ get, setting }: TlsParameters): SslMode {
  // `ssl` is that of JDBC and pg; libpq reads `ssl=true` as `require`. `no-verify` is pg's name of the same.
  const flag = get('ssl')?.toLowerCase();
  const ssl = flag === 'true' || flag === '1' ? 'require' : flag === 'false' || flag === '0' ? 'disable' : flag;
  const system = get('sslrootcert') === 'system';
  const text = get('sslmode') ?? ssl ?? (system ? 'verify-full' : 'prefer');
  const mode = MODES.find((each) => each === (text === 'no-verify' ? 'require' : text));
  if (mode === undefined) throw wrong(setting, `has the sslmode '${text}'.`, `Use one of ${MODES.join(', ')}.`);
  if (system && mode !== 'verify-full' && mode !== 'disable') {
    const hint = 'Public authorities certify anybody: with sslrootcert=system use sslmode=verify-full.';
    throw wrong(setting, `has sslrootcert=system with sslmode=${mode}.`, hint);
  }
  return mode;
}

function optionsOf(mode: SslMode, { get, setting }: TlsParameters): ConnectionOptions {
  const file = (name: string): string | undefined => {
    const path = get(name);
    return path === undefined ? undefined : readText(path, name, setting);
  };
  const root = get('sslrootcert') === 'system' ? undefined : file('sslrootcert');
  if (root !== undefined && !CERTIFICATE.test(root)) {
    throw wrong(
      setting,
      'has an sslrootcert that holds no certificate in PEM.',
      'Name a file that begins with -----BEGIN CERTIFICATE-----.',
    );
  }
  if (mode === 'verify-ca' && root === undefined) {
    const hint = 'Name the file with the certificate of your authority by sslrootcert, or use sslmode=verify-full.';
    throw wrong(setting, 'has sslmode=verify-ca without sslrootcert.', hint);
  }
  const [cert, key, crl] = [file('sslcert'), file('sslkey'), file('sslcrl')];
  if ((cert === undefined) !== (key === undefined)) {
    throw wrong(setting, 'has one of sslcert and sslkey without the other.', 'Set both, or neither.');
  }
  const passphrase = get('sslpassword');
  const options: ConnectionOptions = {
    ...trustOf(mode, root),
    ...(cert === undefined ? {} : { cert, key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(crl === undefined ? {} : { crl }),
  };
  try {
    // Made here so that a file which cannot be used ends the start and not the first connection.
    createSecureContext(options);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const hint = 'Check that sslcert, sslkey and sslrootcert are PEM files that belong together, and sslpassword.';
    throw wrong(setting, `names TLS files that cannot be used (${reason}).`, hint, thrown);
  }
  return options;
}

/** `require` with an authority is `verify-ca`, as in libpq. */
function trustOf(mode: SslMode, root: string | undefined): ConnectionOptions {
  if (mode === 'verify-full') return { ca: root === undefined ? authoritiesOfSystem() : [root] };
  if (root !== undefined && (mode === 'verify-ca' || mode === 'require')) {
    return { ca: [root], checkServerIdentity: () => undefined };
  }
  return { rejectUnauthorized: false };
}

/** Those of the operating system, and those that come with Node, as small images have none. */
function authoritiesOfSystem(): string[] {
  return [...new Set([...rootCertificates, ...getCACertificates('system')])];
}

function readText(path: string, name: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw wrong(
      setting,
      `names a file that cannot be read: ${name}=${path}.`,
      'Check the path and its rights.',
      thrown,
    );
  }
}

function wrong(setting: string, what: string, hint: string, cause?: unknown): AppError {
  return new AppError('usage', `${setting} ${what}`, { hint, cause });
}
