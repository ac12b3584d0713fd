import { AppError } from '@qwen-edit/contract';

/** Where the webhook of a check goes, and whether this command receives it itself. */
export interface WebhookPlan {
  /** What the service is told to call. */
  readonly url: string;
  /** Where to listen for the call; undefined if another receiver gets it. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** The secret that the service signs with; without it the job brings one of its own. */
  readonly secret: string | undefined;
}

/** Reads the flags of webhooks. Throws AppError `usage`. */
export function webhookPlanOf(
  listen: string | undefined,
  url: string | undefined,
  secret: string | undefined,
): WebhookPlan | undefined {
  if ((url !== undefined && !/^https?:\/\//i.test(url)) || (url !== undefined && !URL.canParse(url)))
    throw new AppError('usage', `--webhook-url must be an http or https address, got '${url}'.`);
  if (listen === undefined) return url === undefined ? undefined : { url, listen: undefined, secret };
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(listen) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    throw new AppError('usage', `--webhook-listen must be HOST:PORT, as 0.0.0.0:8080, got '${listen}'.`);
  const everywhere = host === '0.0.0.0' || host === '::';
  if (url === undefined && (everywhere || port === 0))
    throw new AppError(
      'usage',
      `--webhook-listen ${listen} needs --webhook-url: the address by which the service reaches it.`,
    );
  return { url: url ?? `http://${listen}/`, listen: { host, port }, secret };
}
