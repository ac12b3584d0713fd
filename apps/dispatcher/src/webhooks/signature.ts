import { AppError } from '@qwen-edit/contract';
import { Webhook } from 'standardwebhooks';

/** As the specification asks; fewer can be guessed. */
const FEWEST_BYTES = 24;

/**
 * What makes the `webhook-signature` header. Source: Standard Webhooks, https://www.standardwebhooks.com. A secret is read as
 * the libraries of receivers read it: base64, with or without `whsec_`. Throws AppError `usage` for anything else, which a
 * receiver could not verify.
 */
export function createSigner(secret: string): (id: string, at: Date, body: string) => string {
  let webhook: Webhook;
  try {
    webhook = new Webhook(secret);
    if (bytesOf(secret) < FEWEST_BYTES) throw new AppError('usage', 'The secret is too short.');
  } catch (cause) {
    throw new AppError('usage', 'The secret of webhooks is wrong.', {
      hint: 'Set QWEN_EDIT_WEBHOOK_SECRET to whsec_ and 24 to 64 random bytes in base64, or leave it unset.',
      cause,
    });
  }
  return (id, at, body) => webhook.sign(id, at, body);
}

function bytesOf(secret: string): number {
  return Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
}

/** Throws AppError `usage` for a secret that nothing can be signed with. */
export function checkWebhookSecret(secret: string): void {
  createSigner(secret);
}
