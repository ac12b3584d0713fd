import { isTerminalEvent, JOB_EVENT_TYPES, type JobEvent, jobEventSchema, parsedJson } from '@qwen-edit/contract';

export interface EventListening {
  /** Of the job's events after the last one that is known. */
  readonly url: string;
  readonly onEvent: (event: JobEvent) => void;
  /** True while events arrive; false while the browser tries to connect again. */
  readonly onLive: (live: boolean) => void;
  /** The stream is over: after a final event, or because the service refused it. */
  readonly onEnd: () => void;
  readonly signal: AbortSignal;
}

/**
 * Listens to the events of a job. The browser itself connects again, after the last event that it got, until the service
 * answers 204 or refuses. Source: WHATWG HTML, 9.2.3.
 */
export function listenToEvents({ url, onEvent, onLive, onEnd, signal }: EventListening): void {
  if (signal.aborted) return;
  const source = new EventSource(url);
  const end = (): void => {
    source.close();
    signal.removeEventListener('abort', end);
    onEnd();
  };
  signal.addEventListener('abort', end);
  source.onopen = () => onLive(true);
  source.onerror = () => {
    onLive(false);
    if (source.readyState === EventSource.CLOSED) end();
  };
  for (const type of JOB_EVENT_TYPES) {
    source.addEventListener(type, ({ data }: MessageEvent<string>) => {
      const event = jobEventSchema.safeParse(parsedJson(data));
      if (!event.success) return;
      onEvent(event.data);
      if (isTerminalEvent(event.data.type)) end();
    });
  }
}
