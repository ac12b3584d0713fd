/** SQS shows a message again no later than this after its receipt. Source: Amazon SQS, ChangeMessageVisibility. */
const LONGEST_S = 43_200;
/** More than the time between the receipt at SQS and the moment at which we note it. */
const MARGIN_S = 60;

/** The receipt of a message: when it came, and SQS's own handle. */
export function writeReceipt(handle: string, receivedAt: number): string {
  return `${receivedAt} ${handle}`;
}

/** The handle of SQS in a receipt. */
export function handleOf(receipt: string): string {
  return receipt.slice(receipt.indexOf(' ') + 1);
}

/** Whole seconds for which a message can be hidden from now on, up to `ms`; 0 if its 12 hours are over. */
export function visibilityOf(receipt: string, ms: number, now: number): number {
  const age = Math.ceil((now - Number.parseInt(receipt, 10)) / 1000);
  return Math.max(0, Math.min(seconds(ms), LONGEST_S - MARGIN_S - age));
}

/** Milliseconds as whole seconds, as SQS counts them, and no more than it allows. */
export function seconds(ms: number): number {
  return Math.min(LONGEST_S, Math.ceil(ms / 1000));
}
