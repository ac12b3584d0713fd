/** What an API key may do. `admin` includes the others. */
export const SCOPES = ['submit', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls: an owner sees only what is their own. */
export interface Caller {
  readonly owner: string;
  readonly scopes: readonly Scope[];
  /** Id of the API key, for the logs; undefined for a caller without one. */
  readonly keyId?: string | undefined;
}

/** The owner of everything while no API keys are in use. */
export const LOCAL_OWNER = 'local';
