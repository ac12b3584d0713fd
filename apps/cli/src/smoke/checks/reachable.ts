import { foreignAnswer } from '../calls.ts';
import { passedWith, type SmokeCheck, smokeFault } from '../check.ts';

/** Something answers, and it is the API. */
export const checkReachable: SmokeCheck = {
  name: 'reachable',
  needs: [],
  async run({ stranger }) {
    const { status, headers, text } = await stranger.answer('livez', { redirect: 'manual' });
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null)
      throw smokeFault(
        `The answer is a redirect to ${location}.`,
        `Call the service where it is: --url ${new URL('.', new URL(location, stranger.url('livez'))).href}`,
      );
    if (status !== 200 || !text.includes('"live"')) throw foreignAnswer(status, text);
    return passedWith(`${stranger.url('')} answers`);
  },
};
