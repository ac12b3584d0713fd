// @ts-expect-error
export const a: number = 'a text';
