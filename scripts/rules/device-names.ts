import { isCode, isTest, lineAt, type SourceFile, type Violation } from './source-files.ts';

/** The files that may ask which device it is: all others ask for what it can do. */
const TABLES = new Set(['packages/contract/src/devices.ts', 'packages/pipeline/src/engine/devices.ts']);

const NAME = String.raw`(['"\`])(?:cpu|webgpu|cuda)(?::\d+)?\1`;
const COMPARISONS: readonly RegExp[] = [
  new RegExp(String.raw`[!=]==?\s*${NAME}`, 'g'),
  new RegExp(String.raw`${NAME}\s*[!=]==?`, 'g'),
  new RegExp(String.raw`\bcase\s+${NAME}`, 'g'),
  new RegExp(String.raw`\.(?:startsWith|includes|indexOf|has)\(\s*${NAME}`, 'g'),
  new RegExp(String.raw`\[[^\][]*${NAME}[^\][]*\]\.(?:includes|indexOf|some)\(`, 'g'),
];

/** Finds code that compares a device with a name, and so has to change for each new device. Tests may. */
export function checkDeviceNames(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => isCode(path) && !isTest(path) && /^(apps|packages)\//.test(path) && !TABLES.has(path))
    .flatMap(({ path, text }) =>
      COMPARISONS.flatMap((pattern) => [...text.matchAll(pattern)]).map((match) => ({
        path,
        line: lineAt(text, match.index),
        message: `'${match[0]}': ask what the device can do (engine/devices.ts), not which it is`,
      })),
    );
}
