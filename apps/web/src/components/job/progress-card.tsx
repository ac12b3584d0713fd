import type { Job, JobWaiting } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import type { Failure } from '../../api/call-result.ts';
import type { Dictionary } from '../../i18n/en.ts';
import { fractionDone, progressOf, secondsLeft } from '../../lib/eta.ts';
import type { Format } from '../../lib/format.ts';
import { secondsPerStep } from '../../lib/track.ts';
import type { JobView } from '../../state/job-view.ts';
import { useApp, useFormat, useNow, useWords } from '../../state/use-app.tsx';
import { DownloadProgress } from '../common/download-progress.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { Icon } from '../common/icon.tsx';
import { ProgressMeter } from '../common/progress-meter.tsx';
import { Spinner } from '../common/spinner.tsx';
import { SetbackNote } from './setback-note.tsx';
import { StageSteps } from './stage-steps.tsx';

/** How a job that is not done goes on, and the way to stop it. */
export function ProgressCard({ view, job }: { readonly view: JobView; readonly job: Job }) {
  const words = useWords();
  const format = useFormat();
  const now = useNow(1000);
  const track = view.track.value;
  const running = job.status === 'running' || track.running;
  const left = secondsLeft(track, view.lastStepAt.value, view.heard.value, now);
  const stopping = view.stopping.value;
  const [refusal, setRefusal] = useState<Failure | undefined>(undefined);
  const cancel = async (): Promise<void> => {
    setRefusal(undefined);
    const answer = await view.cancel();
    // A job that has ended meanwhile is shown as ended.
    if (!answer.ok && answer.failure.code !== 'job_state') setRefusal(answer.failure);
  };
  // Nobody knows when the model will be there, whatever other edits took.
  const timeless = !running && job.progress.waiting?.code === 'model_downloading';
  const eta = stopping ? words.job.stoppingHelp : timeless ? '' : etaText(words, format, left, running);
  return (
    <section class="state-card" aria-labelledby="state" aria-busy="true">
      <h2 id="state" class="state">
        <Spinner />
        {stopping ? words.job.stopping : running ? words.job.running : words.job.queued}
        {job.attempt > 1 && <span class="badge quiet-badge">{words.job.attempt(format.number(job.attempt))}</span>}
      </h2>
      {track.setback !== undefined && <SetbackNote setback={track.setback} />}
      {running ? <Running view={view} job={job} /> : <Waiting job={job} />}
      <div class="state-foot">
        <p class={stopping ? 'state-text' : 'state-eta'}>{eta}</p>
        <button type="button" class="button" disabled={stopping} onClick={() => void cancel()}>
          <Icon name="stop" size={16} />
          {words.job.cancel}
        </button>
      </div>
      {refusal !== undefined && <ErrorBox error={refusal} />}
    </section>
  );
}

/** A guess that has run out tells of a job that is before this one and takes long. */
function etaText({ job }: Dictionary, format: Format, left: number | undefined, running: boolean): string {
  if (left === undefined) return '';
  if (left < 1) return running ? job.soon : job.longer;
  return running ? job.left(format.duration(left)) : job.doneIn(format.duration(left));
}

function Waiting({ job }: { readonly job: Job }) {
  const { service } = useApp();
  const words = useWords();
  const format = useFormat();
  const { queue_position: before, waiting } = job.progress;
  const noWorker = service.models.value !== undefined && service.model.value === undefined;
  const reason = waiting === null ? undefined : waitingText(words, waiting);
  const download = waiting?.code === 'model_downloading' ? service.model.value?.download : undefined;
  return (
    <>
      <p class="state-text">
        {reason !== undefined
          ? reason
          : noWorker
            ? words.job.waitingNoWorker
            : before === null
              ? ''
              : before === 0
                ? words.job.next
                : words.job.behind(format.number(before), before === 1)}
      </p>
      {waiting !== null && waiting.last_error !== null && (
        <p class="notice-detail" lang="en">
          {waiting.last_error}
        </p>
      )}
      {download === undefined || download === null ? (
        <ProgressMeter fraction={undefined} label={words.job.queued} />
      ) : (
        <DownloadProgress download={download} />
      )}
    </>
  );
}

/** A reason that this page does not know is told in the service's own words. */
function waitingText({ job }: Dictionary, { code, message, last_error }: JobWaiting): string {
  switch (code) {
    case 'no_worker':
      return job.waitingNoWorker;
    case 'model_downloading':
      return job.waitingDownload;
    case 'worker_not_ready':
      return last_error === null ? job.waitingModel : job.waitingFailed;
    case 'newer_worker_needed':
      return job.waitingNewer;
    default:
      return message;
  }
}

function Running({ view, job }: { readonly view: JobView; readonly job: Job }) {
  const words = useWords();
  const format = useFormat();
  const now = useNow(1000);
  const track = view.track.value;
  const progress = progressOf(job, track);
  const pace = secondsPerStep(track);
  const { stage, step, total } = progress;
  const elapsed = job.started_at === null ? 0 : Math.max(0, (now - Date.parse(job.started_at)) / 1000);
  const where = stage === 'load' ? words.job.load : stage === undefined ? words.job.starting : '';
  return (
    <>
      <StageSteps stage={stage} />
      <ProgressMeter fraction={fractionDone(progress)} label={words.job.running} />
      <p class="state-text numbers">
        {where !== '' && <span>{where}</span>}
        {stage === 'denoise' && <span>{words.job.step(format.number(step), format.number(total))}</span>}
        {pace !== undefined && <span>{words.job.pace(format.duration(pace, true))}</span>}
        <span>
          {words.job.elapsed} {format.duration(elapsed)}
        </span>
      </p>
    </>
  );
}
