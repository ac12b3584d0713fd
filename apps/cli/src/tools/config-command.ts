import { didYouMean } from '@qwen-edit/contract';
import { describeConfig, type Overrides, type ShownSetting } from '../config.ts';
import { readFlags } from '../flag-values.ts';
import { TOOLS_HELP } from '../help.ts';
import type { Terminal } from '../terminal.ts';

const OPTIONS = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** `qwen-edit config`: every setting as a table or as JSON, with its origin; secrets are masked. */
export function configCommand(args: readonly string[], terminal: Terminal, overrides: Overrides = {}): void {
  const { values } = readFlags(args, OPTIONS);
  if (values.help === true) terminal.out(TOOLS_HELP);
  else if (values.json === true) terminal.out(`${JSON.stringify(describeConfig(undefined, overrides))}\n`);
  else terminal.out(tableOf(describeConfig(undefined, overrides)));
}

function tableOf(settings: readonly ShownSetting[]): string {
  const width = Math.max(...settings.map(({ variable }) => variable.length));
  const lines = settings.map(({ variable, value, origin, nearest }) =>
    `${variable.padEnd(width)}  ${origin.padEnd(11)}  ${value}${didYouMean(nearest)}`.trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
