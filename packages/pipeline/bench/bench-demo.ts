import { join } from 'node:path';
import { z } from 'zod';
import type { Bench } from './bench-part.ts';
import { formatSeconds } from './table.ts';

const DEMO_MODEL = join(import.meta.dirname, '../../demo-model');
const SIDE = 256;
const measuredSchema = z.object({ load_s: z.number(), edit_s: z.number(), peak: z.number() });

/** Whole edits of the demo model, with one thread and with all of them. */
export async function benchDemo({ threads, rounds, precisions, folder, run, add, attempt }: Bench): Promise<void> {
  for (const precision of precisions) {
    for (const count of new Set([1, threads])) {
      const what = `an edit of the demo model, ${SIDE}², 6 steps, ${count} thread${count === 1 ? '' : 's'}`;
      const demo = await attempt(what, precision, () =>
        run(
          measuredSchema,
          'measure-demo-edit.ts',
          DEMO_MODEL,
          count,
          rounds,
          SIDE,
          precision,
          join(folder, 'prepared'),
        ),
      );
      if (demo === undefined) continue;
      const whole = `loads in ${formatSeconds(demo.load_s)}`;
      add({ what, by: precision, seconds: demo.edit_s, whole, memory: { peak: demo.peak } });
    }
  }
}
