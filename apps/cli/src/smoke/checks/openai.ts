import { parsedJson } from '@qwen-edit/contract';
import { z } from 'zod';
import { passedWith, type SmokeCheck, skippedBecause, smokeFault } from '../check.ts';
import { checkResult, drawSmokePicture, encodeSmokePicture, SMOKE_SIDE } from '../pictures.ts';

const PATH = 'v1/images/edits';
const answerSchema = z.object({ data: z.array(z.object({ b64_json: z.string() })).min(1) });

/** The route of OpenAI's images API, where the service has one, answers with the picture. */
export const checkOpenai: SmokeCheck = {
  name: 'openai',
  needs: ['edit'],
  async run({ calls, jobs, settings }) {
    const { status } = await calls.answer(PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    if (status === 404 || status === 405) return skippedBecause(`the service has no /${PATH}`);
    const input = drawSmokePicture(8);
    const body = new FormData();
    body.append(
      'image',
      new Blob([new Uint8Array(await encodeSmokePicture(input))], { type: 'image/png' }),
      'smoke.png',
    );
    body.append('prompt', settings.prompt);
    body.append('size', `${SMOKE_SIDE}x${SMOKE_SIDE}`);
    const answer = await jobs.whenThereIsRoom(() => calls.good(PATH, { method: 'POST', body }, settings.timeoutMs));
    const [first] = answerSchema.safeParse(parsedJson(answer.text)).data?.data ?? [];
    if (first === undefined)
      throw smokeFault(
        `/${PATH} is answered with ${answer.status} and without a picture.`,
        'Look at the log of the API.',
      );
    await checkResult(Buffer.from(first.b64_json, 'base64'), undefined, input);
    return passedWith(`/${PATH} answers with the picture`);
  },
};
