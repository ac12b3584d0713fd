export const pause = 1;
