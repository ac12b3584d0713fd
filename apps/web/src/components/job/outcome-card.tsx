import { endingsOf, isUnchangedWarning, type Job } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { choiceOf, formOfJob, requestParameters } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { Icon, type IconName } from '../common/icon.tsx';
import { Spinner } from '../common/spinner.tsx';
import { useCopy } from '../common/use-copy.ts';
import { LaterNote } from '../editor/later-note.tsx';
import { CodeDialog } from './code-dialog.tsx';
import { Downloads } from './downloads.tsx';
import { UnchangedNote } from './unchanged-note.tsx';
import { useReuse } from './use-reuse.ts';

const ICONS = { succeeded: 'check', failed: 'alert', canceled: 'stop', expired: 'clock' } as const;

/** How a job ended, and what can be done next. */
export function OutcomeCard({ job, index }: { readonly job: Job; readonly index: number }) {
  const { preferences, baseUrl } = useApp();
  const words = useWords();
  const format = useFormat();
  const copy = useCopy();
  const reuse = useReuse(job);
  const [code, setCode] = useState(false);
  const { status } = job;
  const succeeded = status === 'succeeded';
  const { phase } = reuse;
  const busy = reuse.fetching || phase.name === 'sending' || phase.name === 'reconnecting';
  const icon: IconName = status === 'queued' || status === 'running' ? 'clock' : ICONS[status];
  const took = job.metrics.predict_time;
  const form = formOfJob(job);
  // The page words what it knows of unchanged results itself.
  const warnings = job.warnings.filter((warning) => job.unchanged.length === 0 || !isUnchangedWarning(warning));
  return (
    <section class={`state-card ${status}`} aria-labelledby="state">
      <h2 id="state" class="state">
        <span class={`state-icon ${status}`}>
          <Icon name={icon} size={18} />
        </span>
        {succeeded && took !== null ? words.job.tookTime(format.duration(took, true)) : words.states[status]}
      </h2>
      {job.error !== null && <ErrorBox error={{ ...job.error, detail: job.error.message }} />}
      {status === 'canceled' && <p class="state-text">{words.job.canceledHelp}</p>}
      <UnchangedNote job={job} index={index} onTry={(prompt, edit) => void reuse.change({ prompt, edit })} />
      {warnings.length > 0 && (
        <ul class="warnings quiet" lang="en">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      {succeeded && <Downloads job={job} index={index} />}
      <div class="actions">
        {succeeded && (
          <button type="button" class="button" disabled={busy} onClick={() => void reuse.editResult(index)}>
            <Icon name="edit" size={18} />
            {words.results.useAsInput}
          </button>
        )}
        <button type="button" class="button" disabled={busy} onClick={() => void reuse.again()}>
          <Icon name="dice" size={18} />
          {words.results.again}
        </button>
        <button type="button" class="button" disabled={busy} onClick={() => void reuse.change()}>
          <Icon name="sliders" size={18} />
          {words.results.change}
        </button>
        <div class="actions-pair">
          <button type="button" class="button" onClick={() => void copy(location.href, words.results.linkCopied)}>
            <Icon name="link" size={18} />
            {words.results.link}
          </button>
          <button type="button" class="button" onClick={() => setCode(true)}>
            <Icon name="code" size={18} />
            {words.results.code}
          </button>
        </div>
      </div>
      {busy && (
        <p class="state-text" role="status">
          <Spinner />{' '}
          {reuse.fetching
            ? words.results.fetching
            : phase.name === 'reconnecting'
              ? words.submit.reconnecting
              : words.submit.checking}
        </p>
      )}
      {phase.name === 'refused' && <ErrorBox error={phase.failure} />}
      {phase.name === 'later' && <LaterNote failure={phase.failure} until={phase.until} now={Date.now()} />}
      {code && (
        <CodeDialog
          request={{
            baseUrl,
            parameters: requestParameters({ ...form, seed: job.seed ?? form.seed }),
            pictures: job.input.images.map(({ media_type }, i) => `picture-${i + 1}.${endingsOf(media_type)[0]}`),
            jobId: job.id,
            results: job.output?.length ?? form.numbers.num_images_per_prompt ?? 1,
            format: choiceOf(form, 'output_format'),
            withKey: preferences.signedIn.value,
          }}
          onClose={() => setCode(false)}
        />
      )}
    </section>
  );
}
