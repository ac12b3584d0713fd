import { parsedJson } from '@qwen-edit/contract';
import { z } from 'zod';
import { passedWith, type SmokeCheck, skippedBecause, smokeFault } from '../check.ts';
import { editParameters } from '../edit-parameters.ts';
import { checkResult, drawSmokePicture, encodeSmokePicture } from '../pictures.ts';

/** fetch gives up after 300 s without the head of an answer. */
const LONGEST_EDIT_SECONDS = 240;
const answerSchema = z.object({ image_base64: z.string(), job_id: z.string() });

/** POST /edit, the guide's own call, answers with the picture. */
export const checkGuide: SmokeCheck = {
  name: 'guide',
  needs: ['edit'],
  async run(context) {
    const { calls, jobs, facts, settings } = context;
    if ((facts.editSeconds ?? 0) > LONGEST_EDIT_SECONDS)
      return skippedBecause(
        `an edit takes longer here than this command waits for one answer: ${facts.editSeconds?.toFixed(0)} s`,
      );
    const input = drawSmokePicture(2);
    const image = Buffer.from(await encodeSmokePicture(input)).toString('base64');
    const fields = { ...(await editParameters(context)), metadata: jobs.metadata, image_base64: [image] };
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) };
    const answer = await jobs.whenThereIsRoom(() => calls.good('edit', init, settings.timeoutMs));
    const read = answerSchema.safeParse(parsedJson(answer.text));
    if (!read.success)
      throw smokeFault(
        `POST /edit is answered with ${answer.status} and without a picture.`,
        'Look at the log of the API.',
      );
    await checkResult(Buffer.from(read.data.image_base64, 'base64'), undefined, input);
    return passedWith('POST /edit answers with the picture');
  },
};
