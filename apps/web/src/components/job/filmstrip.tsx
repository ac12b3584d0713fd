import type { Job } from '@qwen-edit/contract';
import { formOfJob } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Thumbnail } from '../common/thumbnail.tsx';

export interface FilmstripProps {
  readonly job: Job;
  readonly index: number;
  readonly compareWith: number;
  readonly onIndex: (index: number) => void;
  readonly onCompareWith: (index: number) => void;
}

/** Thumbnails of a job's inputs and results, to choose what the stage shows. Results have their places from the start. */
export function Filmstrip({ job, index, compareWith, onIndex, onCompareWith }: FilmstripProps) {
  const { client } = useApp();
  const words = useWords();
  const wanted = job.output?.length ?? formOfJob(job).numbers.num_images_per_prompt ?? 1;
  const pending = job.output === null;
  const ended = job.completed_at !== null;
  return (
    <div class="filmstrip">
      <fieldset class="plain film">
        <legend>{words.job.inputs}</legend>
        <div class="film-row">
          {job.input.images.map((image, i) => (
            <button
              key={`${image.sha256} ${i}`}
              type="button"
              class="film-picture"
              aria-pressed={i === compareWith}
              aria-label={words.common.picture(i + 1)}
              onClick={() => onCompareWith(i)}
            >
              <Thumbnail url={client.thumbnailUrl(job.id, 'inputs', i)} size={image} />
              {job.input.images.length > 1 && <span class="film-number">{i + 1}</span>}
            </button>
          ))}
        </div>
      </fieldset>
      {!(pending && ended) && (
        <fieldset class="plain film">
          <legend>{words.stage.results}</legend>
          <div class="film-row">
            {Array.from({ length: wanted }, (_, i) => {
              const output = job.output?.[i];
              return output === undefined ? (
                <span key={i} class="film-picture pending skeleton" />
              ) : (
                <button
                  key={i}
                  type="button"
                  class="film-picture"
                  aria-pressed={i === index}
                  aria-label={words.common.result(i + 1)}
                  onClick={() => onIndex(i)}
                >
                  <Thumbnail url={client.thumbnailUrl(job.id, 'outputs', i)} size={output} />
                  {wanted > 1 && <span class="film-number">{i + 1}</span>}
                </button>
              );
            })}
          </div>
        </fieldset>
      )}
    </div>
  );
}
