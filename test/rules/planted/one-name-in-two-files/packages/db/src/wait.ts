export function pause(): void {}
