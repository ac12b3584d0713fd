import { randomUUID } from 'node:crypto';
import { AppError, toAppError } from '@qwen-edit/contract';
import { passedWith, type SmokeCheck, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { drawSmokePicture, encodeSmokePicture } from '../pictures.ts';

/** The same Idempotency-Key twice makes one job, and another request with it none. */
export const checkIdempotency: SmokeCheck = {
  name: 'idempotency',
  needs: ['health', 'problems'],
  async run(context) {
    const { jobs } = context;
    const images = [await encodeSmokePicture(drawSmokePicture(4))];
    const parameters = await editParameters(context);
    const idempotencyKey = `smoke-${randomUUID()}`;
    const first = await jobs.submit({ images, parameters, idempotencyKey });
    const second = await jobs.submit({ images, parameters, idempotencyKey });
    const other = await jobs
      .submit({ images, parameters: { ...parameters, seed: '5' }, idempotencyKey })
      .catch(toAppError);
    await jobs.release(first.id);
    if (second.id !== first.id)
      throw smokeFault(
        `One Idempotency-Key, sent twice, has made two jobs: ${first.id} and ${second.id}.`,
        'Let what stands before the service pass the header Idempotency-Key; all APIs have to use one database.',
      );
    if (!(other instanceof AppError)) throw notRefused('accepted');
    if (other.code !== 'idempotency_mismatch') throw notRefused(other.code);
    return passedWith('the same key twice made one job, and another request with it was refused');
  },
};

const notRefused = (how: string): AppError =>
  smokeFault(
    `Another request with the same Idempotency-Key was not refused as idempotency_mismatch: ${how}.`,
    'Let what stands before the service pass the header Idempotency-Key.',
  );
