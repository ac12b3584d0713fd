import { useFormat, useWords } from '../../state/use-app.tsx';

export interface DividerProps {
  /** 0: all after, 1: all before. */
  readonly split: number;
  readonly onChange: (split: number) => void;
  /** Takes a drag of the knob; `clientX` as the pointer has it. */
  readonly onDrag: (clientX: number) => void;
}

const STEP = 0.02;
const LARGE_STEP = 0.1;

/** The line between before and after: dragged, or moved by keys. Source: the slider pattern of the ARIA practices. */
export function Divider({ split, onChange, onDrag }: DividerProps) {
  const { stage } = useWords();
  const format = useFormat();
  const percent = Math.round(split * 100);
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: split - STEP,
    ArrowDown: split - STEP,
    ArrowRight: split + STEP,
    ArrowUp: split + STEP,
    PageDown: split - LARGE_STEP,
    PageUp: split + LARGE_STEP,
    Home: 0,
    End: 1,
  };
  return (
    <div class="divider">
      <button
        type="button"
        class="knob"
        role="slider"
        aria-label={stage.compare}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={stage.compareValue(`${format.number(100 - percent)}%`)}
        aria-orientation="horizontal"
        onKeyDown={(event) => {
          const to = moves[event.key];
          if (to === undefined) return;
          event.preventDefault();
          onChange(Math.min(1, Math.max(0, to)));
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) onDrag(event.clientX);
        }}
      >
        <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
          <path d="M7.5 5 2.5 10l5 5M12.5 5l5 5-5 5" class="knob-arrows" />
        </svg>
      </button>
    </div>
  );
}
