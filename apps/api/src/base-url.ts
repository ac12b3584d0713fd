import type { ApiContext } from './context.ts';
import type { ApiOptions } from './deps.ts';

/** For whoever gives out addresses of this API. */
export interface AddressDeps {
  readonly options: Pick<ApiOptions, 'publicUrl'>;
}

/** The address of this API, without a slash at its end: the configured one, else the one that the caller used. */
export function baseUrlOf(c: ApiContext, { options }: AddressDeps): string {
  return options.publicUrl?.replace(/\/+$/, '') ?? new URL(c.req.url).origin;
}
