/** Places of the page. The address after `#` holds them, so that the service has one address to serve. */
export type Route =
  | { readonly name: 'edit' }
  | { readonly name: 'job'; readonly id: string }
  | { readonly name: 'history'; readonly filter: HistoryFilter; readonly query: string }
  | { readonly name: 'status' }
  | { readonly name: 'unknown' };

export const HISTORY_FILTERS = ['all', 'active', 'succeeded', 'failed', 'canceled'] as const;
export type HistoryFilter = (typeof HISTORY_FILTERS)[number];

/** The place that a hash names, as `#/jobs/job_1` or `#/history?filter=failed&q=cat`. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (first === undefined) return { name: 'edit' };
  if (first === 'jobs' && second !== undefined && parts.length === 2) return { name: 'job', id: decoded(second) };
  if (parts.length > 1) return { name: 'unknown' };
  if (first === 'status') return { name: 'status' };
  if (first !== 'history') return { name: 'unknown' };
  const query = new URLSearchParams(search);
  const filter = HISTORY_FILTERS.find((each) => each === query.get('filter')) ?? 'all';
  return { name: 'history', filter, query: query.get('q') ?? '' };
}

/** The hash of a place: what parseRoute reads back. */
export function hrefOf(route: Exclude<Route, { name: 'unknown' }>): string {
  if (route.name === 'edit') return '#/';
  if (route.name === 'job') return `#/jobs/${encodeURIComponent(route.id)}`;
  if (route.name === 'status') return '#/status';
  const query = new URLSearchParams();
  if (route.filter !== 'all') query.set('filter', route.filter);
  if (route.query !== '') query.set('q', route.query);
  const text = query.toString();
  return text === '' ? '#/history' : `#/history?${text}`;
}

export const HISTORY: Route & { name: 'history' } = { name: 'history', filter: 'all', query: '' };

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
