/** Something is going on that tells no more of itself. */
export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}
