/** One process that is asked for its metrics, with the labels that Prometheus gives to what comes from it. */
export interface ScrapeTarget {
  readonly job: string;
  readonly instance: string;
  readonly url: string;
}

interface Family {
  type: string;
  help: string;
  /** Lines of one series stand together, as the format wants. */
  readonly series: Map<string, string[]>;
}

export interface Recording {
  /** Asks every target once, all at the same time, as of `seconds` of the Unix clock. A target that does not answer has `up` 0. */
  scrape(targets: readonly ScrapeTarget[], seconds: number): Promise<void>;
  /** All that was scraped, in the text format of OpenMetrics. */
  text(): string;
}

/** Beside ours, those of each Node.js process that a dashboard shows. */
const KEPT =
  /^(qwen_edit_\w+|process_resident_memory_bytes|process_cpu_seconds_total|process_start_time_seconds|nodejs_eventloop_lag_p99_seconds)$/;

/** Keeps what targets say, with the time of each scrape. */
export function createRecording(): Recording {
  const families = new Map<string, Family>();
  const up = family('up');
  Object.assign(up, { type: 'gauge', help: 'Whether the scrape had an answer' });

  function family(name: string): Family {
    const known = families.get(name) ?? { type: 'unknown', help: '', series: new Map() };
    families.set(name, known);
    return known;
  }
  function add({ series }: Family, name: string, labels: string, value: string, seconds: number): void {
    const key = `${name}{${labels}}`;
    const lines = series.get(key) ?? [];
    series.set(key, [...lines, `${key} ${value} ${seconds}`]);
  }
  function read(text: string, own: string, seconds: number): void {
    let current: Family | undefined;
    for (const line of text.split('\n')) {
      const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      if (what !== undefined) {
        current = KEPT.test(name) ? family(name.replace(/_total$/, '')) : undefined;
        if (current !== undefined) current[what === 'HELP' ? 'help' : 'type'] = rest;
        continue;
      }
      const [, series, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (current === undefined || series === undefined || value === undefined) continue;
      const all = labels === '' ? own : `${labels},${own}`;
      add(current, series, all, value, seconds);
    }
  }

  return {
    async scrape(targets, seconds) {
      await Promise.all(
        targets.map(async ({ job, instance, url }) => {
          const own = `job="${job}",instance="${instance}"`;
          const text = await fetch(`${url}/metrics`).then(
            (response) => (response.ok ? response.text() : undefined),
            () => undefined,
          );
          add(up, 'up', own, text === undefined ? '0' : '1', seconds);
          if (text !== undefined) read(text, own, seconds);
        }),
      );
    },
    text() {
      const shown = [...families].filter(([, { series }]) => series.size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
      const parts = shown.map(([name, { type, help, series }]) => {
        const lines = [...series].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, each]) => each);
        return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
      });
      return `${[...parts, '# EOF'].join('\n')}\n`;
    },
  };
}
