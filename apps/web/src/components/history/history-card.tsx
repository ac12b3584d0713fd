import { isTerminal, type Job } from '@qwen-edit/contract';
import { fractionDone, progressOf } from '../../lib/eta.ts';
import { formOfJob } from '../../lib/parameters.ts';
import { hrefOf } from '../../lib/routes.ts';
import { EMPTY_TRACK } from '../../lib/track.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { IconButton } from '../common/icon-button.tsx';
import { ProgressMeter } from '../common/progress-meter.tsx';
import { Thumbnail } from '../common/thumbnail.tsx';

export interface HistoryCardProps {
  readonly job: Job;
  readonly now: number;
  readonly onDelete: () => void;
}

/** A job in the history: its first result, or its first input. */
export function HistoryCard({ job, now, onDelete }: HistoryCardProps) {
  const { client } = useApp();
  const words = useWords();
  const format = useFormat();
  const { prompt } = formOfJob(job);
  const { status } = job;
  const result = job.output?.[0];
  const picture = result ?? job.input.images[0];
  const source = result === undefined ? 'inputs' : 'outputs';
  const count = job.output?.length ?? 0;
  return (
    <li class={`card ${status}`}>
      <a class="card-link" href={hrefOf({ name: 'job', id: job.id })}>
        <span class="card-picture">
          {picture !== undefined && <Thumbnail url={client.thumbnailUrl(job.id, source, 0)} size={picture} lazy />}
          {status !== 'succeeded' && (
            <span class={`card-state ${status}`}>
              {status === 'failed' && <Icon name="alert" size={14} />}
              {words.states[status]}
            </span>
          )}
          {count > 1 && <span class="card-count">{words.history.results(format.number(count))}</span>}
          {!isTerminal(status) && (
            <ProgressMeter
              fraction={status === 'running' ? fractionDone(progressOf(job, EMPTY_TRACK)) : undefined}
              label={words.states[status]}
            />
          )}
        </span>
        <span class="card-prompt">{prompt}</span>
        <time class="card-time quiet" dateTime={job.created_at} title={format.dateTime(new Date(job.created_at))}>
          {format.ago(new Date(job.created_at), new Date(now))}
        </time>
      </a>
      {isTerminal(status) && (
        <IconButton
          icon="trash"
          size={18}
          class="card-delete"
          label={words.history.deleteLabel(prompt)}
          onClick={onDelete}
        />
      )}
    </li>
  );
}
