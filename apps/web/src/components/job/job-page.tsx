import { HISTORY, hrefOf } from '../../lib/routes.ts';
import { createJobView } from '../../state/job-view.ts';
import { useApp, useClosable, useWords } from '../../state/use-app.tsx';
import { Empty } from '../common/empty.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { useTitle } from '../shell/use-title.ts';
import { JobBench } from './job-bench.tsx';

/** The page of one job, in whatever state it is. */
export function JobPage({ id }: { readonly id: string }) {
  const { client, callService, connection, session } = useApp();
  const words = useWords();
  const view = useClosable(() => createJobView({ client, callService, connection, session, now: Date.now }, id), id);
  const job = view?.job.value;
  const failure = view?.failure.value;
  // The job may be deleted elsewhere while it is shown.
  if (failure?.code === 'not_found') return <MissingJob />;
  if (view !== undefined && job !== undefined) return <JobBench view={view} job={job} />;
  return (
    <div class="workbench" aria-busy="true">
      <div class="left">
        <div class="stage skeleton" />
        <div class="filmstrip" />
      </div>
      <div class="right panel">
        <h1 class="offscreen">{words.common.loading}</h1>
        {failure !== undefined && failure.code !== 'service_unreachable' ? (
          <ErrorBox error={failure} />
        ) : (
          <>
            <div class="line skeleton" />
            <div class="state-card skeleton" />
          </>
        )}
      </div>
    </div>
  );
}

function MissingJob() {
  const { job } = useWords();
  useTitle(job.missing);
  return (
    <Empty icon="picture" level={1} heading={job.missing} text={job.missingHelp}>
      <a class="button primary" href={hrefOf({ name: 'edit' })}>
        {job.toEditor}
      </a>
      <a class="button" href={hrefOf(HISTORY)}>
        {job.toHistory}
      </a>
    </Empty>
  );
}
