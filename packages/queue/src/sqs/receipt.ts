/** SQS shows a message again at the latest this long after its receipt. Source: Amazon SQS, ChangeMessageVisibility. */
const LONGEST_S = 43_200;
/** Between the receipt at SQS and the moment that counts as such here. */
const MARGIN_S = 60;

/** Receipt of the queue: when the message came, and SQS's own handle. */
export function writeReceipt(handle: string, receivedAt: number): string {
  return `${receivedAt} ${handle}`;
}

export function handleOf(receipt: string): string {
  return receipt.slice(receipt.indexOf(' ') + 1);
}

/** Whole seconds for which a message can be hidden from now on, at most for `ms`; 0 where its 12 hours are over. */
export function visibilityOf(receipt: string, ms: number, now: number): number {
  const age = Math.ceil((now - Number.parseInt(receipt, 10)) / 1000);
  return Math.max(0, Math.min(seconds(ms), LONGEST_S - MARGIN_S - age));
}

/** In whole seconds, as SQS counts, and as long as it can. */
export function seconds(ms: number): number {
  return Math.min(LONGEST_S, Math.ceil(ms / 1000));
}
