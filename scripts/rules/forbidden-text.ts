import { isCode, isTest, lineAt, type SourceFile, type Violation } from './source-files.ts';

interface ForbiddenText {
  readonly pattern: RegExp;
  readonly message: string;
  readonly appliesTo: (path: string) => boolean;
}

const everywhere = (): boolean => true;
const shippedCode = (path: string): boolean => isCode(path) && /^(apps|packages)\//.test(path) && !isTest(path);

// A letter in brackets keeps each pattern from matching this file.
const FORBIDDEN: readonly ForbiddenText[] = [
  { pattern: /\b(TO[D]O|FIX[M]E)\b/g, message: 'unfinished work: finish it or open an issue', appliesTo: everywhere },
  { pattern: /(?<![\w.])\/wor[k]\//g, message: 'a path that exists on one machine only', appliesTo: everywhere },
  {
    pattern: /@ts-(expect-erro[r]|nochec[k])|biome-ignor[e]/g,
    message: 'silences a check: mend what it points at',
    appliesTo: isCode,
  },
  {
    pattern: /\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g,
    message: 'process.env is read only in files named config.ts',
    appliesTo: (path) => isCode(path) && !path.endsWith('/config.ts'),
  },
  {
    pattern: /\bthrow new (?!AppError\b)\w*Error\(/g,
    message: 'only AppError may reach a user',
    appliesTo: shippedCode,
  },
];

/** Finds words and constructs that no rule of the linter covers. */
export function checkForbiddenText(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) =>
    FORBIDDEN.filter((rule) => rule.appliesTo(path)).flatMap((rule) =>
      [...text.matchAll(rule.pattern)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        message: `'${match[0]}': ${rule.message}`,
      })),
    ),
  );
}
