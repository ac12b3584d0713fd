// @ts-ignore
export const a: number = 'a text';
