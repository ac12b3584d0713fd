import type { PictureSeries } from '@qwen-edit/client';
import { type EditKind, endingsOf, type Job } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { formOfJob, requestParameters } from '../../lib/parameters.ts';
import { drawSeed } from '../../lib/seed.ts';
import type { SubmitPhase } from '../../state/submitter.ts';
import { useApp } from '../../state/use-app.tsx';

export interface Reuse {
  /** True while pictures are being fetched. */
  readonly fetching: boolean;
  readonly phase: SubmitPhase;
  /** Puts a result into the form as the picture of the next edit. */
  editResult(index: number): Promise<void>;
  /** Puts the pictures and parameters of the job into the form, with another prompt and what it needs if one is given. */
  change(other?: { readonly prompt: string; readonly edit: EditKind }): Promise<void>;
  /** Submits the same edit with another seed. */
  again(): Promise<void>;
}

/** Ways to start a new edit from a job. */
export function useReuse(job: Job): Reuse {
  const { callService, editor, router, toasts, words, newSubmitter } = useApp();
  const [fetching, setFetching] = useState(false);
  const [submitter] = useState(newSubmitter);

  /** undefined if not all can be fetched; the reader is told. */
  async function fetchPictures(source: PictureSeries, indexes: readonly number[]): Promise<File[] | undefined> {
    setFetching(true);
    const answers = await Promise.all(
      indexes.map((index) => callService((client) => client.picture(job.id, source, index))),
    );
    setFetching(false);
    const files = answers.flatMap((answer, i) => (answer.ok ? [fileOf(answer.value, i)] : []));
    if (files.length === indexes.length) return files;
    toasts.show(words.value.results.fetchFailed, 'bad');
    return undefined;
  }

  const inputs = job.input.images.map((_, index) => index);
  return {
    fetching,
    phase: submitter.phase.value,
    async editResult(index) {
      const files = await fetchPictures('outputs', [index]);
      if (files === undefined) return;
      await editor.pictures.replace(files);
      editor.set({ prompt: '' });
      router.go({ name: 'edit' });
    },
    async change(other) {
      const files = await fetchPictures('inputs', inputs);
      editor.set(formOfJob(job));
      if (other !== undefined) editor.takeExample(other.prompt, other.edit);
      await editor.pictures.replace(files ?? []);
      router.go({ name: 'edit' });
    },
    async again() {
      const files = await fetchPictures('inputs', inputs);
      if (files === undefined) return;
      const seed = drawSeed(job.seed ?? '', (numbers) => crypto.getRandomValues(numbers));
      const parameters = requestParameters({ ...formOfJob(job), seed });
      const made = await submitter.submit(files, parameters, seed);
      if (made !== undefined) router.go({ name: 'job', id: made.id });
    },
  };
}

const fileOf = (blob: Blob, index: number): File =>
  new File([blob], `picture-${index + 1}.${endingsOf(blob.type)[0]}`, { type: blob.type });
