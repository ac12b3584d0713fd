export * from './edit-parameters.ts';
export * from './errors.ts';
