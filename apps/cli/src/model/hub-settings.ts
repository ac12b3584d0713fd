import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createHubFetch, DEFAULT_ENDPOINT, type HubSettings } from '@qwen-edit/hub';
import type { Config } from '../settings.ts';
import { expandHome, userCacheDir } from './cache-folders.ts';

export type HubConfig = Pick<
  Config,
  | 'hubEndpoint'
  | 'hubToken'
  | 'hubTokenPath'
  | 'hubOffline'
  | 'hubCacheDir'
  | 'hubCacheDirFormer'
  | 'hubHome'
  | 'userCacheDir'
  | 'httpProxy'
  | 'httpProxyLower'
  | 'httpsProxy'
  | 'httpsProxyLower'
  | 'noProxy'
  | 'noProxyLower'
>;

/**
 * The hub as the environment names it, in the order of Python's huggingface_hub: HF_HUB_CACHE before HUGGINGFACE_HUB_CACHE before
 * HF_HOME before XDG_CACHE_HOME; HF_TOKEN before the file that `hf auth login` writes. Source: huggingface_hub/constants.py.
 */
export async function hubSettings(config: HubConfig): Promise<HubSettings> {
  const home = hubHome(config);
  // Programs agree that of two spellings the lower case one counts; only it is safe in a CGI program.
  const fetch = createHubFetch({
    httpProxy: config.httpProxyLower ?? config.httpProxy,
    httpsProxy: config.httpsProxyLower ?? config.httpsProxy,
    noProxy: config.noProxyLower ?? config.noProxy,
  });
  return {
    endpoint: config.hubEndpoint ?? DEFAULT_ENDPOINT,
    token: config.hubToken ?? (await tokenIn(expandHome(config.hubTokenPath ?? join(home, 'token')))),
    cacheDir: resolve(expandHome(config.hubCacheDir ?? config.hubCacheDirFormer ?? join(home, 'hub'))),
    offline: config.hubOffline,
    fetch,
  };
}

function hubHome(config: HubConfig): string {
  return expandHome(config.hubHome ?? join(userCacheDir(config), 'huggingface'));
}

async function tokenIn(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8').catch(() => '')).trim();
  return text === '' ? undefined : text;
}
