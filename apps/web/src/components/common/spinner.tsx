/** Shown while something runs whose progress is not known. */
export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}
