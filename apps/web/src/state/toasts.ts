import { type ReadonlySignal, signal } from '@preact/signals';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'good' | 'bad';
}

/** Short news, seen for a moment and read out. */
export interface Toasts {
  readonly shown: ReadonlySignal<Toast | undefined>;
  show(text: string, tone?: Toast['tone']): void;
}

const SHOWN_MS = 4000;
const SHOWN_BAD_MS = 9000;

export function createToasts(): Toasts {
  const shown = signal<Toast | undefined>(undefined);
  let lastId = 0;
  return {
    shown,
    show(text, tone = 'good') {
      lastId++;
      const toast = { id: lastId, text, tone };
      shown.value = toast;
      setTimeout(
        () => {
          if (shown.value === toast) shown.value = undefined;
        },
        tone === 'good' ? SHOWN_MS : SHOWN_BAD_MS,
      );
    },
  };
}
