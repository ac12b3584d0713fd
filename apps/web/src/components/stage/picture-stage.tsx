import type { Size } from '@qwen-edit/contract';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { FITTED, pixelSize, visibleSpan } from '../../lib/view.ts';
import { useFormat, useWords } from '../../state/use-app.tsx';
import { IconButton } from '../common/icon-button.tsx';
import { Divider } from './divider.tsx';
import { Layer, type Shown } from './layer.tsx';
import { useView } from './use-view.ts';

export interface PictureStageProps {
  /** The picture that is shown. */
  readonly shown: Shown;
  /** Size of the shown picture: it sets the frame. */
  readonly size: Size | undefined;
  /** Shown below it until it is loaded. */
  readonly under?: Shown | undefined;
  /** The picture before the edit. With it, a divider separates before and after. */
  readonly before?: Shown | undefined;
  /** Lies over the picture: a badge, or the progress. */
  readonly children?: ComponentChildren;
  readonly class?: string;
}

const ZOOM_STEP = 1.4;

/** Shows a picture, to zoom, move and compare. Its place on the page does not depend on the picture. */
export function PictureStage({ shown, size, under, before, children, class: extra = '' }: PictureStageProps) {
  const { stage: words } = useWords();
  const format = useFormat();
  const [split, setSplit] = useState(0.5);
  const [broken, setBroken] = useState<string | undefined>(undefined);
  const control = useView(size, before === undefined ? undefined : slideTo);
  const { stage, view } = control;
  const span = stage === undefined || size === undefined ? undefined : visibleSpan(view, stage, size);

  function slideTo(x: number): void {
    if (span !== undefined) setSplit(Math.min(1, Math.max(0, (x - span.from) / (span.to - span.from))));
  }

  const common = { frame: size, stage, view };
  const at = span === undefined ? `${split * 100}%` : `${span.from + split * (span.to - span.from)}px`;
  const zoomed = view.zoom > 1;
  const percent = stage === undefined || size === undefined ? undefined : pixelSize(view, stage, size);
  const classes = ['stage', extra, zoomed ? 'zoomed' : '', before === undefined ? '' : 'comparing'];
  return (
    <div ref={control.root} class={classes.filter((each) => each !== '').join(' ')}>
      <div ref={control.ref} class="viewport" style={{ '--split': at }}>
        {under !== undefined && <Layer {...common} shown={under} class="under" />}
        {before !== undefined && <Layer {...common} shown={before} class="before" />}
        <Layer {...common} shown={shown} class="main" onBroken={() => setBroken(shown.url)} />
        {broken === shown.url && <p class="stage-broken">{words.broken}</p>}
        {before !== undefined && span !== undefined && (
          <>
            <Divider
              split={split}
              onChange={setSplit}
              onDrag={(clientX) => slideTo(clientX - (control.ref.current?.getBoundingClientRect().left ?? 0))}
            />
            <span class="stage-tag start">{words.before}</span>
            <span class="stage-tag end">{words.after}</span>
          </>
        )}
      </div>
      {children}
      <fieldset class="stage-tools" aria-label={words.viewer}>
        <IconButton
          icon="minus"
          label={words.zoomOut}
          disabled={!zoomed}
          onClick={() => control.zoomBy(1 / ZOOM_STEP)}
        />
        <span class="stage-zoom">{percent === undefined ? '' : `${format.number(percent * 100)}%`}</span>
        <IconButton icon="plus" label={words.zoomIn} onClick={() => control.zoomBy(ZOOM_STEP)} />
        <IconButton icon="fit" label={words.fit} disabled={!zoomed} onClick={control.fit} />
        <button
          type="button"
          class="icon-button text"
          title={words.original}
          aria-label={`1:1, ${words.original}`}
          disabled={stage === undefined || size === undefined || pixelSize(FITTED, stage, size) >= 1}
          onClick={control.original}
        >
          1:1
        </button>
      </fieldset>
    </div>
  );
}
