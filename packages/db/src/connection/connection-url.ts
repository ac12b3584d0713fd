import { AppError, hasMisplacedAt } from '@qwen-edit/contract';
import type pg from 'pg';
import { tlsEnvironment } from './config.ts';
import { planTls, type TlsPlan } from './tls-options.ts';

/** A database's URL as pg needs it, apart from TLS. */
export interface DatabaseAddress {
  readonly config: Pick<pg.ClientConfig, 'connectionString' | 'enableChannelBinding' | 'sslnegotiation'>;
  readonly tls: TlsPlan;
}

/** Parameters of libpq that are read here and not by pg, which gives some of them another meaning. */
const OURS = [
  'ssl',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'sslnegotiation',
  'channel_binding',
  'uselibpqcompat',
] as const;

/**
 * Reads a `postgres://` URL with libpq's parameters. `setting` is the variable that it comes from, for messages, which never
 * repeat the URL. Throws AppError `usage`.
 */
export function readDatabaseUrl(text: string, setting: string): DatabaseAddress {
  if (!URL.canParse(text) || hasMisplacedAt(text) || !isEscaped(text)) {
    throw new AppError('usage', `${setting} is not an address such as postgres://user:password@host/name.`, {
      hint: `Correct ${setting}; write special characters of the password as %XX.`,
    });
  }
  const url = new URL(text);
  const get = (name: string): string | undefined => url.searchParams.get(name) || tlsEnvironment[name] || undefined;
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const tls = planTls({ get, setting, local: host.startsWith('/') });
  const negotiation = get('sslnegotiation') ?? 'postgres';
  if (negotiation !== 'postgres' && negotiation !== 'direct') {
    throw new AppError('usage', `${setting} has the sslnegotiation '${negotiation}'.`, {
      hint: 'Use postgres or direct.',
    });
  }
  if (negotiation === 'direct' && tls.choices.includes(false)) {
    throw new AppError('usage', `${setting} has sslnegotiation=direct with sslmode=${tls.mode}.`, {
      hint: 'Use sslmode=require, verify-ca or verify-full with it.',
    });
  }
  const binding = get('channel_binding');
  for (const name of OURS) url.searchParams.delete(name);
  return {
    config: {
      connectionString: url.href,
      sslnegotiation: negotiation,
      ...(binding === 'require' || binding === 'prefer' ? { enableChannelBinding: true } : {}),
    },
    tls,
  };
}

/** A % that stands for itself is an error that pg would throw without a word on the setting. */
function isEscaped(text: string): boolean {
  const { username, password, hostname, pathname } = new URL(text);
  return [username, password, hostname, pathname].every((part) => !/%(?![0-9a-f]{2})/i.test(part) && isUtf8(part));
}

function isUtf8(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
