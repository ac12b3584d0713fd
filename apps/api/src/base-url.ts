import type { ApiContext } from './context.ts';

/** Where the API is reached: as configured, else as the caller reached it. */
export function baseUrlOf(c: ApiContext, publicUrl: string | undefined): string {
  return publicUrl?.replace(/\/+$/, '') ?? new URL(c.req.url).origin;
}
