import { type Client, createClient } from '@qwen-edit/client';
import { readDataDirLock } from '@qwen-edit/db';
import type { Config } from '../settings.ts';

/** Where a service is, and the key that it takes. */
export interface ServiceAddress {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/**
 * The service that a command calls: the one that --url or QWEN_EDIT_URL names; else the one that uses the data folder, with
 * the token that it wrote there; else the one that would listen on HOST and PORT.
 */
export async function findService(
  config: Pick<Config, 'serviceUrl' | 'apiKey' | 'dataDir' | 'host' | 'port'>,
): Promise<ServiceAddress> {
  if (config.serviceUrl !== undefined) return { url: config.serviceUrl, apiKey: config.apiKey };
  const holder = await readDataDirLock(config.dataDir);
  if (holder?.url !== undefined) return { url: holder.url, apiKey: config.apiKey ?? holder.token };
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return { url: `http://${host}:${config.port}`, apiKey: config.apiKey };
}

/** A client of that service. */
export function clientOf({ url, apiKey }: ServiceAddress): Client {
  return createClient({ baseUrl: url, ...(apiKey === undefined ? {} : { apiKey }) });
}
