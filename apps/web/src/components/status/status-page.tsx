import type { Health } from '@qwen-edit/contract';
import { useEffect, useState } from 'preact/hooks';
import type { CallResult } from '../../api/call-result.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { useTitle } from '../shell/use-title.ts';
import { ModelPanel } from './model-panel.tsx';
import { WorkerTable } from './worker-table.tsx';

const PERIOD_MS = 3000;

/** The workers, their models, and how many edits wait. */
export function StatusPage() {
  const { callService, service, connection, session, preferences, toasts } = useApp();
  const words = useWords();
  const format = useFormat();
  useTitle(words.status.heading);
  const [answer, setAnswer] = useState<CallResult<Health> | undefined>(undefined);
  const returns = connection.returns.value;
  useEffect(() => {
    const look = async (): Promise<void> => {
      if (document.hidden) return;
      setAnswer(await callService((client) => client.health()));
      await service.refresh();
    };
    void look();
    const timer = setInterval(() => void look(), PERIOD_MS);
    const onVisible = (): void => void look();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [callService, service, returns]);

  const health = answer?.ok ? answer.value : undefined;
  const workers = health?.workers ?? [];
  const waiting = workers[0]?.queue_len;
  const ready = workers.some((worker) => worker.ready || worker.loads_with_first_job);
  const down = answer !== undefined && !answer.ok;
  const state = down
    ? words.status.down
    : health === undefined
      ? words.common.loading
      : workers.length === 0
        ? words.status.noWorkers
        : ready
          ? words.status.up
          : service.model.value?.download
            ? words.status.downloadingModel
            : workers.every((worker) => worker.last_error === null)
              ? words.status.loading
              : words.status.troubled;
  const tone = down ? 'bad' : ready ? 'good' : 'warn';
  const { failure } = service;
  return (
    <div class="status">
      <div class="page-head">
        <h1>{words.status.heading}</h1>
      </div>
      {failure.value !== undefined && failure.value.code !== 'service_unreachable' && (
        <ErrorBox error={failure.value} />
      )}
      <div class="tiles-grid">
        <section class="panel fact" aria-label={words.status.service}>
          <h2>{words.status.service}</h2>
          <p class={`fact-value ${tone}`}>
            <span class="lamp" aria-hidden="true" />
            {state}
          </p>
          <p class="quiet">{health === undefined ? ' ' : `${words.status.version} ${health.version}`}</p>
        </section>
        <section class="panel fact" aria-label={words.status.queue}>
          <h2>{words.status.queue}</h2>
          <p class="fact-value">{waiting === undefined ? '–' : format.number(waiting)}</p>
          <p class="quiet">
            {waiting === undefined
              ? words.status.queueUnknown
              : words.status.queueUnit(format.number(waiting), waiting === 1)}
          </p>
        </section>
        <section class="panel fact" aria-label={words.status.model}>
          <h2>{words.status.model}</h2>
          <p class="fact-value">{health?.model ?? '–'}</p>
          <p class="quiet">{service.model.value?.demo ? words.demo.badge : ' '}</p>
        </section>
      </div>
      <WorkerTable workers={health === undefined ? undefined : workers} devices={service.model.value?.devices ?? []} />
      {service.models.value?.data.map((model) => (
        <ModelPanel key={model.digest ?? model.id} model={model} />
      ))}
      {preferences.signedIn.value && (
        <button
          type="button"
          class="button"
          onClick={async () => {
            const left = await session.signOut();
            if (left.ok) toasts.show(words.status.signedOut);
          }}
        >
          {words.status.signOut}
        </button>
      )}
    </div>
  );
}
