export const a = (value: unknown): string => value as string;
