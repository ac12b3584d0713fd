import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';

const collectorSchema = z.custom<() => void>((value) => typeof value === 'function');

/**
 * Makes a function that runs V8's garbage collector at once, which takes some ten milliseconds. Node has it as `gc`, if it is
 * asked for; a context that is made after the flag is set has it too, so that nobody needs to start Node with the flag.
 */
export function createCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return collectorSchema.parse(runInNewContext('gc'));
}
