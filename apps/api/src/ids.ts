import { AppError } from '@qwen-edit/contract';
import type { ApiContext } from './context.ts';

const JOB_ID = /^job_[0-9a-f]{32}$/;
const DELIVERY_ID = /^msg_[0-9a-f]{32}$/;

export const isJobId = (id: string): boolean => JOB_ID.test(id);

/** The job of the address. What cannot be an id is absent like what is none: `not_found`. */
export function jobIdOf(c: ApiContext): string {
  const id = c.req.param('id') ?? '';
  if (!isJobId(id)) throw jobNotFound();
  return id;
}

export function deliveryIdOf(c: ApiContext): string {
  const id = c.req.param('id') ?? '';
  if (!DELIVERY_ID.test(id)) throw new AppError('not_found', 'There is no delivery of this id.');
  return id;
}

export function jobNotFound(): AppError {
  return new AppError('not_found', 'There is no job of this id.');
}
