import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';

/** What the environment says. Names with QWEN_EDIT_ are those of the model's guide. */
export interface Config {
  /** QWEN_EDIT_2511_DIR: folder of the model. */
  readonly modelDir: string | undefined;
  /** QWEN_EDIT_MAX_CPU_THREADS: threads of the networks; unset: one a core. */
  readonly maxCpuThreads: number | undefined;
  /** QWEN_EDIT_NICE: added to the niceness of this process and its engine. */
  readonly nice: number | undefined;
  /** NO_COLOR: anything but empty means no colours. */
  readonly noColor: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .trim()
    .regex(/^[+-]?\d{1,9}$/, 'is not a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must lie between ${min} and ${max}`)
    .optional();

const environmentSchema = z.object({
  QWEN_EDIT_2511_DIR: z.string().optional(),
  QWEN_EDIT_MAX_CPU_THREADS: wholeNumber(1, 1024),
  QWEN_EDIT_NICE: wholeNumber(-39, 39),
  NO_COLOR: z.string().optional(),
});

/** Reads the configuration. An empty variable counts as unset. Throws AppError `usage` that names the wrong variable. */
export function readConfig(environment: Environment = process.env): Config {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0] ?? 'The environment');
    throw new AppError('usage', `${name} ${issue?.message ?? 'is wrong'}, got '${set[name] ?? ''}'.`, {
      hint: `Correct or unset ${name}.`,
    });
  }
  return {
    modelDir: parsed.data.QWEN_EDIT_2511_DIR,
    maxCpuThreads: parsed.data.QWEN_EDIT_MAX_CPU_THREADS,
    nice: parsed.data.QWEN_EDIT_NICE,
    noColor: parsed.data.NO_COLOR !== undefined,
  };
}
