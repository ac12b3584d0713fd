export const a = (value: unknown): number => (value as any).length;
