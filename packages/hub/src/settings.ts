/** Where the hub is, what it may be told, and where its files lie. Read by the command from the environment; see docs/getting-the-model.md. */
export interface HubSettings {
  /** The hub or a mirror of it, without a slash at its end. HF_ENDPOINT. */
  readonly endpoint: string;
  /** Sent to the host of `endpoint` and to no other. HF_TOKEN. */
  readonly token?: string | undefined;
  /** The folder `hub` that Python's huggingface_hub uses too. HF_HUB_CACHE. */
  readonly cacheDir: string;
  /** True: no request is ever made. HF_HUB_OFFLINE. */
  readonly offline: boolean;
  /** Makes the requests. Default: createHubFetch without a proxy. */
  readonly fetch?: typeof fetch | undefined;
}

export const DEFAULT_ENDPOINT = 'https://huggingface.co';
