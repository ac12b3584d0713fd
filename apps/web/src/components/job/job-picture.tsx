import type { Job, Size, SizeFacts } from '@qwen-edit/contract';
import { useEffect, useRef } from 'preact/hooks';
import { formOfJob } from '../../lib/parameters.ts';
import { expectedResultSize, isSimilarRatio } from '../../lib/size.ts';
import type { JobView } from '../../state/job-view.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import type { Shown } from '../stage/layer.tsx';
import { PictureStage } from '../stage/picture-stage.tsx';

export interface JobPictureProps {
  readonly view: JobView;
  readonly job: Job;
  /** The shown result, and the input that it is compared with. */
  readonly index: number;
  readonly compareWith: number;
}

/** The picture of a job: its input, then previews, then its result. */
export function JobPicture({ view, job, index, compareWith }: JobPictureProps) {
  const { client, service } = useApp();
  const words = useWords();
  const format = useFormat();
  const { step, total } = view.track.value;
  const running = job.status === 'running' || view.track.value.running;
  const preview = job.completed_at === null ? view.track.value.preview : undefined;
  const lastPreview = useRef<Shown | undefined>(undefined);
  const input = job.input.images[compareWith] ?? job.input.images[0];
  const result = job.output?.[index];
  const frame = result ?? frameOf(job, service.modelSizes.value);
  const wasWatched = useRef(job.output === null);
  useEffect(() => {
    if (result === undefined) wasWatched.current = true;
  }, [result]);

  const given: Shown | undefined =
    input === undefined
      ? undefined
      : {
          url: client.pictureUrl(job.id, 'inputs', compareWith),
          alt: words.common.picture(compareWith + 1),
          fit: frame !== undefined && isSimilarRatio(input, frame) ? 'fill' : 'contain',
        };
  if (preview !== undefined) lastPreview.current = { url: preview.url, alt: '', fit: 'fill' };

  if (result !== undefined) {
    return (
      <PictureStage
        class={wasWatched.current ? 'result reveal' : 'result'}
        size={frame}
        shown={{
          url: client.pictureUrl(job.id, 'outputs', index),
          alt: `${words.common.result(index + 1)}${words.separator}${formOfJob(job).prompt}`,
          fit: 'fill',
        }}
        before={given}
        under={lastPreview.current}
      />
    );
  }
  if (given === undefined) return <div class="stage" />;
  const ended = job.completed_at !== null;
  const shown = preview === undefined ? given : { url: preview.url, alt: words.job.preview, fit: 'fill' as const };
  return (
    <PictureStage
      class={ended ? 'ended' : preview === undefined ? 'waiting' : 'previewing'}
      size={frame ?? input}
      shown={shown}
      under={preview === undefined ? undefined : given}
    >
      {!ended && (
        <span class="stage-tag start">
          {preview === undefined
            ? running
              ? words.job.noPreview
              : words.job.queued
            : `${words.job.preview} · ${words.job.step(format.number(Math.max(step, preview.step)), format.number(total))}`}
        </span>
      )}
    </PictureStage>
  );
}

/** The size that the result will have, so that nothing moves when it comes. */
function frameOf(job: Job, sizes: SizeFacts): Size | undefined {
  const { images } = job.input;
  return images.length === 0 ? undefined : expectedResultSize(formOfJob(job), images, sizes);
}
