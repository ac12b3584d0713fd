import { type SQL, sql } from '../drizzle.ts';

/** No name of a host is longer; what is cut is not a name. */
const LONGEST = 300;

/**
 * The receiver that a URL names: scheme, host and port, in one form however the URL is written (capitals, the default port, user
 * and password, a dot at the host's end, a host in Unicode). '' for what is no URL, which no attempt can reach anyway.
 *
 * @example receiverOf('HTTPS://me:secret@Hooks.Example.:443/path') === 'https://hooks.example'
 */
export function receiverOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return '';
  const { protocol, hostname, port } = parsed;
  return `${protocol}//${hostname.replace(/\.$/, '')}${port === '' ? '' : `:${port}`}`.slice(0, LONGEST);
}

/** An address whose receiver can be read off it: a name in lower case, and no port or one that is written out plainly. */
const PLAIN = '^https?://(?:[a-z0-9-]+[.])*[a-z][a-z0-9-]*(?::[1-9][0-9]{0,4})?(?=[/?#]|$)';
/** The port of the scheme, which is not part of the receiver. */
const DEFAULT_PORT = '^(?:http://[^/?#]*:80|https://[^/?#]*:443)(?=[/?#]|$)';

/**
 * The same in SQL for most URLs, and null for those that only a parser can read: assignLanes gives them their receiver. It saves
 * that a delivery is written twice.
 */
export const receiverInSql = (url: SQL): SQL => sql`
  case when ${url} ~ ${DEFAULT_PORT} or length(substring(${url} from ${PLAIN})) > ${LONGEST} then null
  else substring(${url} from ${PLAIN}) end`;
