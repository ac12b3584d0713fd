// biome-ignore lint/suspicious/noExplicitAny: because
export const a = (value: any): number => value;
