import { isTerminal, type Job } from '@qwen-edit/contract';
import { useEffect } from 'preact/hooks';
import type { JobView } from '../../state/job-view.ts';
import { useApp } from '../../state/use-app.tsx';

/** Reads out how a job goes on: each stage, now and then a step, and the end. */
export function useAnnouncements(view: JobView, job: Job): void {
  const { announcer, words, format } = useApp();
  const { stage, step, total } = view.track.value;
  const { status } = job;
  useEffect(() => {
    announcer.say(words.value.states[status]);
  }, [status]);
  useEffect(() => {
    if (stage !== undefined && !isTerminal(status)) announcer.say(words.value.job[stage]);
  }, [stage]);
  useEffect(() => {
    if (stage !== 'denoise' || isTerminal(status)) return;
    announcer.mention(words.value.job.step(format.value.number(step), format.value.number(total)));
  }, [step]);
}
