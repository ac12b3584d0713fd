export const a = (value: any): number => value;
