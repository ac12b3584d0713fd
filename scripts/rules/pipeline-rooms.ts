import { posix } from 'node:path';
import { isCode, isTest, lineAt, type SourceFile, type Violation } from './source-files.ts';

const SOURCES = 'packages/pipeline/src/';
const IMPORT = /(?:^|[\s;}])(?:import|export)\b[^'"`;()]*?['"](\.[^'"\n]+)['"]|\bimport\(\s*['"](\.[^'"\n]+)['"]/g;

/** Files that every room may import. They import no room. */
const SHARED = new Set(['types.ts', 'arrays.ts']);

/**
 * The rooms of packages/pipeline in the order in which data flows: from a checkpoint's files through graphs to pictures,
 * then the files beside the rooms (edit.ts and what it needs), then the self-test and the calibration, the engine's process, then the door of the package.
 */
const EDIT = 'edit.ts and the files beside it';
const ROOMS = [
  'cards',
  'weights',
  'quantise',
  'hub',
  'lora',
  'onnx',
  'quantise',
  'graphs',
  'text',
  'image',
  'engine',
  'prepared',
  'verify',
  'encodings',
  'sampling',
  'plan',
  EDIT,
  'self-test',
  'calibrate',
  'process',
  'index.ts',
];

/** Inside packages/pipeline a room imports itself and the rooms before it, and none behind it. Tests may import any. */
export function checkPipelineRooms(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => path.startsWith(SOURCES) && isCode(path) && !isTest(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(IMPORT)].flatMap((match) => {
        const target = match[1] ?? match[2] ?? '';
        const message = violationOf(path, posix.join(posix.dirname(path), target));
        return message === undefined ? [] : [{ path, line: lineAt(text, match.index + 1), message }];
      }),
    );
}

function violationOf(path: string, target: string): string | undefined {
  if (!target.startsWith(SOURCES)) return undefined;
  const from = roomOf(path);
  const to = roomOf(target);
  if (from === to || to === undefined) return undefined;
  if (from === undefined) return `a file that every room imports must not import ${to}`;
  if (!ROOMS.includes(from))
    return `${from} is not in the list of rooms: give it a place in scripts/rules/pipeline-rooms.ts`;
  return ROOMS.indexOf(to) < ROOMS.indexOf(from)
    ? undefined
    : `${from} must not import ${to}: inside packages/pipeline, imports point backwards along ${ROOMS.join(' -> ')}`;
}

/** The room of a file; undefined for a file that every room may import. */
function roomOf(path: string): string | undefined {
  const [first = '', ...rest] = path.slice(SOURCES.length).split('/');
  if (rest.length > 0) return first;
  if (SHARED.has(first)) return undefined;
  return first === 'index.ts' ? first : EDIT;
}
