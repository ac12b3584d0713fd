import { AppError } from '@qwen-edit/contract';
import type { WebhookReceiver } from './webhook-receiver.ts';

/** Where the webhook of a check goes, and whether this command receives it itself. */
export interface WebhookPlan {
  /** What the service is told to call. */
  readonly url: string;
  /** This command's own receiver; undefined if another one gets the call. */
  readonly receiver: WebhookReceiver | undefined;
  /** The secret that the service signs with; without it the job brings one of its own. */
  readonly secret: string | undefined;
}

/** The flags of webhooks, understood. */
export interface WebhookFlags {
  readonly url: string;
  /** Where to listen. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

/** Throws AppError `usage`. */
export function readWebhookFlags(listen: string | undefined, url: string | undefined): WebhookFlags | undefined {
  if (url !== undefined && !(/^https?:\/\//i.test(url) && URL.canParse(url)))
    throw new AppError('usage', `--webhook-url must be an http or https address, got '${url}'.`);
  if (listen === undefined) return url === undefined ? undefined : { url, listen: undefined };
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(listen) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    throw new AppError('usage', `--webhook-listen must be HOST:PORT, as 0.0.0.0:8080, got '${listen}'.`);
  if (url === undefined && (host === '0.0.0.0' || host === '::' || port === 0))
    throw new AppError(
      'usage',
      `--webhook-listen ${listen} needs --webhook-url: the address by which the service reaches it.`,
    );
  return { url: url ?? `http://${listen}/`, listen: { host, port } };
}
