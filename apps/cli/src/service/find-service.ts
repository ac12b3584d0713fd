import { type Client, createClient } from '@qwen-edit/client';
import { readDataDirLock } from '@qwen-edit/db';
import type { Config } from '../settings.ts';

export interface Service {
  readonly url: string;
  readonly apiKey: string | undefined;
}

/**
 * The service that a command talks to: the one that --url or QWEN_EDIT_URL names, else the one that holds the data folder,
 * with the token that it left there, else the one that would listen on HOST and PORT.
 */
export async function findService(
  config: Pick<Config, 'serviceUrl' | 'apiKey' | 'dataDir' | 'host' | 'port'>,
): Promise<Service> {
  if (config.serviceUrl !== undefined) return { url: config.serviceUrl, apiKey: config.apiKey };
  const holder = await readDataDirLock(config.dataDir);
  if (holder?.url !== undefined) return { url: holder.url, apiKey: config.apiKey ?? holder.token };
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return { url: `http://${host}:${config.port}`, apiKey: config.apiKey };
}

export function clientOf({ url, apiKey }: Service): Client {
  return createClient({ baseUrl: url, ...(apiKey === undefined ? {} : { apiKey }) });
}
