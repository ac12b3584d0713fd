import { isSlow } from '@qwen-edit/contract';
import { roughSeconds } from '../../lib/rough-time.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';

/** How long the edit of the form is expected to take, and what stands in its way. Nothing where nothing is known. */
export function EstimateLine() {
  const { expected } = useApp();
  const { estimate: words } = useWords();
  const format = useFormat();
  const known = expected.value;
  if (known === undefined) return null;
  const { model, queue } = known;
  const time = (seconds: number): string => format.duration(roughSeconds(seconds));
  const { seconds, draft, memory } = model;
  const said = [
    ...(seconds === null ? [] : [(seconds.basis === 'history' ? words.about : words.rough)(time(seconds.median))]),
    ...(queue.wait_seconds !== null && queue.wait_seconds >= 1 ? [words.wait(time(queue.wait_seconds))] : []),
    ...(isSlow(model) && draft !== null ? [words.draft(time(draft.seconds.median))] : []),
    ...(memory?.verdict === 'too_large' ? [words.tooLarge] : []),
    ...(memory?.verdict === 'streams' ? [words.streams] : []),
  ];
  if (said.length === 0) return null;
  return (
    <p class="submit-estimate">
      {said.map((sentence) => (
        <span key={sentence}>{sentence}</span>
      ))}
    </p>
  );
}
