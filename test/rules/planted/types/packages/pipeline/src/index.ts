export const a: number = 'a text';
