import { AppError, type ErrorCode } from '@qwen-edit/contract';

/** One thing that is wrong with a model folder. */
export interface ModelFinding {
  readonly code: ErrorCode;
  /** Path in the folder, with slashes; null if it is about the folder as a whole. */
  readonly file: string | null;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** Collects findings. */
export interface Findings {
  readonly all: readonly ModelFinding[];
  add(file: string | null, error: AppError): void;
  /** Adds it unless something is already known to be wrong with the file. */
  addIfNew(file: string, error: AppError): void;
  /** Does some work; an AppError that it throws is a finding about `file`, and undefined the result. */
  attempt<T>(file: string | null, work: () => Promise<T> | T): Promise<T | undefined>;
}

export function createFindings(): Findings {
  const all: ModelFinding[] = [];
  const findings: Findings = {
    all,
    add(file, { code, message, hint }) {
      all.push({ code, file, message, hint });
    },
    addIfNew(file, error) {
      if (all.every((finding) => finding.file !== file)) findings.add(file, error);
    },
    async attempt(file, work) {
      try {
        return await work();
      } catch (thrown) {
        if (!(thrown instanceof AppError)) throw thrown;
        findings.add(file, thrown);
        return undefined;
      }
    },
  };
  return findings;
}
