export interface ProgressBarProps {
  /** 0 to 1; undefined where nobody knows. */
  readonly fraction: number | undefined;
  readonly label: string;
}

export function ProgressBar({ fraction, label }: ProgressBarProps) {
  const known = fraction === undefined ? {} : { 'aria-valuenow': Math.round(fraction * 100) };
  return (
    <div class="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} {...known}>
      <div
        class={fraction === undefined ? 'bar-fill unknown' : 'bar-fill'}
        style={fraction === undefined ? {} : { transform: `scaleX(${fraction})` }}
      />
    </div>
  );
}
