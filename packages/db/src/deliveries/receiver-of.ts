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
