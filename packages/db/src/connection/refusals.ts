/** What pg threw: its SQLSTATE or the system's code, else '', and its text. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** Why a database lets nobody in until somebody changes something, in words for whoever runs the service. */
export interface DatabaseRefusal {
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

interface Rule {
  /** By default that of errors which come before a connection is usable: other errors may quote what users wrote. */
  readonly code?: RegExp;
  readonly message?: RegExp;
  readonly says: string;
  readonly hint: string;
}

/** What poolers and providers say to a connection without TLS. */
export const TLS_WANTED =
  /(SSL|TLS) required|(SSL|TLS|secure) connection.* required|requires? (SSL|TLS|a secure)|require_secure_transport/i;

const UNTRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_(UNTRUSTED|REJECTED|SIGNATURE_FAILURE|CHAIN_TOO_LONG|REVOKED)|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED)/;

/**
 * Failures that do not pass by waiting; the first that fits is taken. A code is enough where PostgreSQL has one of its own;
 * 28000 and the errors of poolers, which are 08P01 whatever happened, are told apart by their English text, and the last
 * rule of a code serves servers that speak another language.
 */
const RULES: readonly Rule[] = [
  // TLS, before the server has said anything.
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    says: 'The certificate of the database server is for another host name',
    hint: 'Use a host name of the certificate in the URL. sslmode=verify-ca checks the authority and not the name.',
  },
  {
    code: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    says: 'The certificate of the database server, or of its authority, is not valid at this time',
    hint: 'Renew it, and check the clocks of both machines.',
  },
  {
    code: UNTRUSTED,
    says: 'The certificate of the database server is not from an authority that is trusted',
    hint: 'Name the file with the certificate of its authority by sslrootcert=FILE in the URL. sslmode=require encrypts without checking who answers.',
  },
  {
    message: /server does not support SSL/i,
    says: 'The database server takes no TLS connections, and the sslmode demands one',
    hint: 'Turn TLS on at the server, or use sslmode=prefer or sslmode=disable in the URL.',
  },
  {
    code: /^ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|ALERT_ACCESS_DENIED)/,
    says: 'The database server does not accept our client certificate',
    hint: 'Name a certificate that it trusts by sslcert and sslkey in the URL.',
  },
  {
    code: /^(ERR_SSL|ERR_TLS|EPROTO)/,
    says: 'TLS could not be agreed on with the database server',
    hint: 'Check that a PostgreSQL server or a pooler answers at this port, and which versions of TLS it takes.',
  },
  {
    message: /error establishing an SSL connection/i,
    says: 'What answers at the address of the database did not understand the request for TLS',
    hint: 'Check host and port in the URL, or use sslmode=disable.',
  },
  // The rules of pg_hba.conf, and those of poolers that mean the same.
  {
    code: /^28000$/,
    message: /client certificate|certificate authentication failed/i,
    says: 'The database server demands a client certificate that it trusts',
    hint: 'Name certificate and key by sslcert=FILE and sslkey=FILE in the URL.',
  },
  {
    message: /pg_hba\.conf.*(no encryption|SSL off)/i,
    says: 'The database server has no rule that lets this user in without TLS from this address',
    hint: 'Use sslmode=require, or better sslmode=verify-full with sslrootcert, in the URL. If the server has no TLS, add a line for user, database and address to pg_hba.conf.',
  },
  {
    message: TLS_WANTED,
    says: 'The database takes no connection without TLS',
    hint: 'Use sslmode=require, or better sslmode=verify-full with sslrootcert, in the URL.',
  },
  {
    message: /pg_hba\.conf/i,
    says: 'The database server has no rule that lets this user in from this address',
    hint: 'Add a line for user, database and address to pg_hba.conf, or allow the address where the provider lists them.',
  },
  {
    code: /^28P01$/,
    says: 'The database server does not accept the password',
    hint: 'Check user and password in the URL; special characters are written as %XX.',
  },
  {
    code: /^($|08P01|28|XX000)/,
    message:
      /authentication failed|auth failed|client password must be a|no such user|user lookup failed|tenant or user not found/i,
    says: 'The database server does not accept user and password',
    hint: 'Check user and password in the URL; special characters are written as %XX. Behind a pooler both must know them.',
  },
  {
    code: /^(28000|08P01)$/,
    message: /role .* does not exist/i,
    says: 'The database server has no such user',
    hint: 'Create it by CREATE ROLE with LOGIN, or correct the user in the URL.',
  },
  {
    code: /^28/,
    says: 'The database server refuses to let this user in',
    hint: 'Check user and password in the URL, the role’s right to LOGIN, and pg_hba.conf.',
  },
  // What was asked for.
  {
    code: /^3D000$/,
    says: 'There is no such database on the server',
    hint: 'Create it by CREATE DATABASE, or correct the name at the end of the URL.',
  },
  {
    code: /^08P01$/,
    message: /no such database|database .* does not exist/i,
    says: 'The pooler, or the server behind it, has no such database',
    hint: 'Add it to the section [databases] of the pooler, create it on the server, or correct the name at the end of the URL.',
  },
  {
    message: /startup parameter/i,
    says: 'The pooler does not take a parameter of the URL',
    hint: 'Remove `options` and the like from the URL, or name the parameter in ignore_startup_parameters of PgBouncer.',
  },
  {
    code: /^42501$/,
    says: 'The database user lacks a right',
    hint: 'Let the user own the database, or grant it CONNECT and all rights on the tables of this service.',
  },
];

const BEFORE_USE = /^($|08|28)/;

/** What a failure says that waiting does not mend. undefined if it may pass, or has nothing to do with getting in. */
export function refusalOf({ code, message }: Reason): DatabaseRefusal | undefined {
  const rule = RULES.find((each) => (each.code ?? BEFORE_USE).test(code) && (each.message?.test(message) ?? true));
  return rule === undefined ? undefined : { message: `${rule.says} (${wordsOf(code, message)}).`, hint: rule.hint };
}

/** The server's own words; they name users, databases and hosts, never passwords. */
function wordsOf(code: string, message: string): string {
  const words = message.trim().replace(/\s+/g, ' ').replace(/\.$/, '');
  return code === '' || words.includes(code) ? words : `${code}: ${words}`;
}
