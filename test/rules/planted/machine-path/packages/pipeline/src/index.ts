export const folder = '/work/model';
