import { AppError } from '@qwen-edit/contract';
import { Webhook } from 'standardwebhooks';

/** The specification asks for this; a shorter secret can be guessed. */
const FEWEST_BYTES = 24;

/**
 * Returns a function that makes the `webhook-signature` header. Source: Standard Webhooks, https://www.standardwebhooks.com. It
 * reads a secret as the libraries of receivers do: base64, with or without `whsec_`. Throws AppError `usage` for anything else,
 * because a receiver could not verify it.
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

/** Throws AppError `usage` for a secret that cannot sign anything. */
export function checkWebhookSecret(secret: string): void {
  createSigner(secret);
}
