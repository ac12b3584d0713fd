import type { WorkerHealth } from '@qwen-edit/contract';
import { useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

export interface WorkerTableProps {
  /** undefined before the first answer. */
  readonly workers: readonly WorkerHealth[] | undefined;
  readonly devices: readonly string[];
}

export function WorkerTable({ workers, devices }: WorkerTableProps) {
  const { status: words } = useWords();
  const format = useFormat();
  const [only] = devices;
  const deviceOf = ({ gpu_id, device }: WorkerHealth): string => {
    if (gpu_id !== null) return words.gpu(format.number(gpu_id));
    const named = device ?? (devices.length === 1 ? only : undefined);
    return named?.toUpperCase() ?? words.cpu;
  };
  const isWell = ({ ready, loads_with_first_job }: WorkerHealth): boolean => ready || loads_with_first_job;
  const stateOf = ({ ready, loads_with_first_job, download, last_error }: WorkerHealth): string => {
    if (ready) return words.ready;
    if (loads_with_first_job) return words.unloaded;
    if (last_error !== null) return words.troubled;
    return download === null ? words.notReady : words.downloading;
  };
  return (
    <section class="panel" aria-labelledby="workers">
      <h2 id="workers">{words.workers}</h2>
      {workers?.length === 0 && (
        <p class="notice warn">
          <Icon name="alert" />
          <span class="notice-text">{words.noWorkersHelp}</span>
        </p>
      )}
      {workers === undefined && <div class="line skeleton" />}
      {workers !== undefined && workers.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{words.worker}</th>
              <th scope="col">{words.state}</th>
              <th scope="col">{words.device}</th>
              <th scope="col">{words.uptime}</th>
              <th scope="col">{words.lastError}</th>
            </tr>
          </thead>
          <tbody>
            {workers.map((worker, i) => (
              // Workers have no names here; their order stays the same while they run.
              <tr key={i}>
                <th scope="row">
                  <span class="narrow-only">{words.worker}&nbsp;</span>
                  {format.number(i + 1)}
                </th>
                <td data-label={words.state} class={isWell(worker) ? 'good' : 'warn'}>
                  <span class="lamp" aria-hidden="true" />
                  {stateOf(worker)}
                </td>
                <td data-label={words.device}>{deviceOf(worker)}</td>
                <td data-label={words.uptime}>{format.duration(worker.uptime_s)}</td>
                <td data-label={words.lastError} lang={worker.last_error === null ? undefined : 'en'}>
                  {worker.last_error ?? words.noError}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
