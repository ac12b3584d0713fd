import { PARAMETER_NAMES, type ParameterFacts, parameterFacts } from '@qwen-edit/contract';

/** Where the texts of the help begin. */
const COLUMN = 25;

/** A line of the help: `  --flag VALUE   what it does`. */
export const helpLine = (flags: string, text: string): string => `  ${flags.padEnd(COLUMN)}${text}`;

/** The help of the flags of all parameters but the prompt, which each command explains itself. */
export function parametersHelp(): string {
  const lines = new Map<string, string[]>();
  for (const name of PARAMETER_NAMES) {
    const facts = parameterFacts(name);
    if (name === 'prompt' || facts.cli === undefined) continue;
    const { flag, value, help, none } = facts.cli;
    const text = `${help}${defaultOf(facts)}`;
    lines.set(text, [...(lines.get(text) ?? []), `--${flag} ${value}`]);
    if (none !== undefined) lines.set(none.help, [`--${none.flag}`]);
  }
  return [...lines].map(([text, flags]) => helpLine(flags.join(', '), text)).join('\n');
}

function defaultOf({ default: value, recommendedByModel, noEffect }: ParameterFacts): string {
  if (value === undefined || noEffect === true) return '';
  const word = value === ' ' ? 'a space' : String(value);
  return recommendedByModel === true ? ` (default: what the model recommends, else ${word})` : ` (default: ${word})`;
}
