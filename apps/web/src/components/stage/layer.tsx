import type { Size } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { fittedSize, pixelSize, type View } from '../../lib/view.ts';

export interface Shown {
  readonly url: string;
  /** Read out. Empty for what only adorns. */
  readonly alt: string;
  /** How it fills the frame where its shape is another: stretched as the model stretches it, or whole. */
  readonly fit?: 'fill' | 'contain';
}

export interface LayerProps {
  readonly shown: Shown;
  /** Of the picture that sets the frame; undefined where nobody knows. */
  readonly frame: Size | undefined;
  readonly stage: Size | undefined;
  readonly view: View;
  readonly class?: string;
  readonly onBroken?: () => void;
}

/** From here on, pixels are worth seeing as squares. */
const SQUARE_PIXELS = 6;

/** A picture on the stage, as the view has it. */
export function Layer({ shown, frame, stage, view, class: extra = '', onBroken }: LayerProps) {
  const { url, alt, fit = 'contain' } = shown;
  const [loaded, setLoaded] = useState<string | undefined>(undefined);
  const placed = stage !== undefined && frame !== undefined;
  const size = placed ? fittedSize(stage, frame) : undefined;
  const style =
    size === undefined
      ? { width: '100%', height: '100%', objectFit: 'contain' }
      : {
          width: `${size.width}px`,
          height: `${size.height}px`,
          objectFit: fit,
          imageRendering: placed && pixelSize(view, stage, frame) >= SQUARE_PIXELS ? 'pixelated' : 'auto',
          transform: `translate(-50%, -50%) translate(${view.x}px, ${view.y}px) scale(${view.zoom})`,
        };
  return (
    <div class={`layer ${extra}`}>
      <img
        class={`${loaded === url ? 'loaded' : ''} ${placed ? 'placed' : ''}`}
        src={url}
        alt={alt}
        draggable={false}
        style={style}
        onLoad={() => setLoaded(url)}
        onError={onBroken}
      />
    </div>
  );
}
