import { type ReadonlySignal, signal } from '@preact/signals';
import { hrefOf, parseRoute, type Route } from '../lib/routes.ts';

type Place = Exclude<Route, { name: 'unknown' }>;

export interface Router {
  readonly route: ReadonlySignal<Route>;
  /** A step that the back button undoes. */
  go(place: Place): void;
  /** The same step, told otherwise. */
  replace(place: Place): void;
}

export function createRouter({ location, history }: Window): Router {
  const route = signal(parseRoute(location.hash));
  const read = (): void => {
    route.value = parseRoute(location.hash);
  };
  addEventListener('hashchange', read);
  return {
    route,
    go: (place) => {
      location.hash = hrefOf(place);
      read();
    },
    replace: (place) => {
      history.replaceState(null, '', hrefOf(place));
      read();
    },
  };
}
