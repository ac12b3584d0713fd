import { AppError } from '@qwen-edit/contract';

/** The bytes of a stream whose types do not say that it has bytes. */
export async function* chunksOf(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new AppError('internal', 'A stream of bytes gave something else.');
    yield chunk;
  }
}
