export * from './edit-parameters.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './job.ts';
export * from './keys.ts';
export * from './message.ts';
export * from './problem.ts';
export * from './stored-text.ts';
