import type { SelfTestFigure, SelfTestResult } from '@qwen-edit/pipeline';

/** A table of what was compared, one of operators if some were tried, and the verdict. */
export function selftestText({
  device,
  precision,
  kernels,
  figures,
  operators,
  ok,
  reason,
  seconds,
}: SelfTestResult): string {
  const lines = [
    `${device} in ${precision}, ${kernels} kernels, against fp32 on the processor`,
    ...table(
      'network',
      figures.map((each) => ({ ...each, label: `${each.what} (${each.name})` })),
    ),
    ...(operators.length === 0
      ? []
      : [
          '',
          ...table(
            'operator',
            operators.map((each) => ({ ...each, label: `${each.name}, ${each.what}` })),
          ),
        ]),
    '',
    `${ok ? 'passed' : 'failed'} in ${seconds.toFixed(1)} s${reason === undefined ? '' : `: ${reason}`}`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function table(of: string, rows: readonly (SelfTestFigure & { readonly label: string })[]): string[] {
  const width = Math.max(of.length, ...rows.map(({ label }) => label.length));
  const head = `  ${of.padEnd(width)}  ${'dB'.padStart(6)}  ${'cosine'.padStart(9)}  ${'needed'.padStart(6)}`;
  return [
    head,
    ...rows.map(({ label, decibels, cosine, bound, ok, error }) => {
      const figures = `${decibels.toFixed(1).padStart(6)}  ${cosineText(cosine).padStart(9)}  ${String(bound).padStart(6)}`;
      return `  ${label.padEnd(width)}  ${figures}  ${ok ? 'ok' : `wrong${error === undefined ? '' : `: ${error}`}`}`;
    }),
  ];
}

/** Never rounded up to 1. */
function cosineText(cosine: number): string {
  return (Math.floor(cosine * 1e7) / 1e7).toFixed(7);
}
