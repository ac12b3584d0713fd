import { expect, it } from 'vitest';
import type { SourceFile } from './source-files.ts';
import { checkUniqueExports } from './unique-exports.ts';

const messagesFor = (sources: Readonly<Record<string, string>>): readonly string[] => {
  const files: SourceFile[] = Object.entries(sources).map(([path, text]) => ({ path, text }));
  return checkUniqueExports(files).map(({ path, line, message }) => `${path}:${line} ${message}`);
};

it.each([
  ['two functions', 'export function pause() {}', 'export async function pause() {}'],
  ['a type and a value', 'export type pause = string;', 'export const pause = 1;'],
  ['a destructured value', 'export const { pause } = timers;', 'export class pause {}'],
  ['a local value that is exported under the name', 'const wait = 1;\nexport { wait as pause };', 'export let pause;'],
  ['a re-export under another name', "export { wait as pause } from './wait.ts';", 'export interface pause {}'],
])('a name that two files declare breaks the rule in both: %s', (_case, one, other) => {
  const messages = messagesFor({ 'apps/api/a.ts': one, 'packages/net/b.tsx': other });
  expect(messages).toEqual([
    expect.stringMatching(/^apps\/api\/a\.ts:\d exports 'pause', which packages\/net\/b\.tsx also declares/),
    expect.stringMatching(/^packages\/net\/b\.tsx:\d exports 'pause', which apps\/api\/a\.ts also declares/),
  ]);
});

it.each([
  ['a re-export', "export { pause } from './pause.ts';"],
  ['a re-export of an import', "import { pause } from './pause.ts';\nexport { pause };"],
  ['a re-export of everything', "export * from './pause.ts';"],
  ['a name that is not exported', 'const pause = 1;'],
  ['the default export, which has no name', 'export default function pause() {}'],
])('what declares no second meaning passes: %s', (_case, other) => {
  const first = 'export function pause(): void;\nexport function pause(ms?: number): void {}\nexport type Pause = 1;';
  expect(messagesFor({ 'packages/net/pause.ts': first, 'packages/net/other.ts': other })).toEqual([]);
});
