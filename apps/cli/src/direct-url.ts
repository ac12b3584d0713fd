import { AppError } from '@qwen-edit/contract';
import type { Config } from './settings.ts';

/** The address of the server itself where DATABASE_URL is a pooler's. Throws AppError `usage` if it is set alone. */
export function directUrlOf(config: Pick<Config, 'databaseUrl' | 'databaseDirectUrl'>): string | undefined {
  if (config.databaseDirectUrl !== undefined && config.databaseUrl === undefined) {
    throw new AppError('usage', 'DATABASE_DIRECT_URL is set, and DATABASE_URL is not.', {
      hint: 'Set DATABASE_URL to the same address where there is no pooler.',
    });
  }
  return config.databaseDirectUrl;
}
