import type { Language } from '@qwen-edit/contract';

/** Numbers, sizes and times in the reader's language. */
export interface Format {
  number(value: number, digits?: number): string;
  /** `25 MB`, `57.7 GB`. */
  bytes(value: number): string;
  /** `8 s`, `1 min 20 s`, `2 h 5 min`; under ten seconds with tenths if `exact`. */
  duration(seconds: number, exact?: boolean): string;
  /** `3 minutes ago`. */
  ago(time: Date, now: Date): string;
  /** `Nov 24, 2026, 9:42 PM`. */
  dateTime(time: Date): string;
  /** `1, 2 and 3`. */
  list(items: readonly string[]): string;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const AGO = [
  ['day', DAY],
  ['hour', HOUR],
  ['minute', MINUTE],
] as const;

export function createFormat(language: Language): Format {
  const locale = language === 'zh' ? 'zh-CN' : 'en';
  const unit = (name: string, value: number, digits = 0): string =>
    new Intl.NumberFormat(locale, {
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      maximumFractionDigits: digits,
    }).format(value);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const conjunction = new Intl.ListFormat(locale, { type: 'conjunction' });
  const joiner = language === 'zh' ? '' : ' ';

  return {
    number: (value, digits = 0) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value),
    bytes: (value) => {
      if (value < 1000) return unit('byte', value);
      if (value < 999_500) return unit('kilobyte', value / 1000);
      if (value >= 999_500_000) return unit('gigabyte', value / 1e9, 1);
      const megabytes = value / 1_000_000;
      return unit('megabyte', megabytes, megabytes < 10 && megabytes % 1 >= 0.05 ? 1 : 0);
    },
    duration: (seconds, exact = false) => {
      if (exact && seconds < 9.95) return unit('second', seconds, 1);
      const whole = Math.max(0, Math.round(seconds));
      if (whole < MINUTE) return unit('second', whole);
      const [name, size, smallName, smallSize] =
        whole < HOUR ? (['minute', MINUTE, 'second', 1] as const) : (['hour', HOUR, 'minute', MINUTE] as const);
      const rest = Math.floor((whole % size) / smallSize);
      const large = unit(name, Math.floor(whole / size));
      return rest === 0 ? large : `${large}${joiner}${unit(smallName, rest)}`;
    },
    ago: (time, now) => {
      const seconds = (now.getTime() - time.getTime()) / 1000;
      const [name, size] = AGO.find(([, each]) => seconds >= each) ?? [undefined, 1];
      return name === undefined ? relative.format(0, 'second') : relative.format(-Math.floor(seconds / size), name);
    },
    dateTime: (time) => date.format(time),
    list: (items) => conjunction.format(items),
  };
}
