export interface ProgressMeterProps {
  /** 0 to 1; undefined if it is not known. */
  readonly fraction: number | undefined;
  readonly label: string;
}

/** How far something is, as a bar. */
export function ProgressMeter({ fraction, label }: ProgressMeterProps) {
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
