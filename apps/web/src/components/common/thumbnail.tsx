import type { Size } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

export interface ThumbnailProps {
  readonly url: string;
  /** Size of the picture itself: it reserves the space. */
  readonly size: Size;
  readonly lazy?: boolean;
}

/** A small copy of a picture, or a sign if the picture is gone. The element around it says what it shows. */
export function Thumbnail({ url, size, lazy = false }: ThumbnailProps) {
  const [gone, setGone] = useState(false);
  if (gone) {
    return (
      <span class="thumbnail-gone">
        <Icon name="picture" />
      </span>
    );
  }
  return (
    <img
      class="thumbnail"
      src={url}
      alt=""
      width={size.width}
      height={size.height}
      loading={lazy ? 'lazy' : 'eager'}
      decoding="async"
      draggable={false}
      onError={() => setGone(true)}
    />
  );
}
