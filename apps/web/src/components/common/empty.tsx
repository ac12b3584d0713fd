import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export interface EmptyProps {
  readonly icon: IconName;
  readonly heading: string;
  readonly text: string;
  /** True if it fills the whole page: then its heading is the page's. */
  readonly level?: 1 | 2;
  readonly children?: ComponentChildren;
}

/** Shown in an empty place: why it is empty, and where to go from here. */
export function Empty({ icon, heading, text, level = 2, children }: EmptyProps) {
  const Heading = level === 1 ? 'h1' : 'h2';
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={32} />
      </span>
      <Heading>{heading}</Heading>
      <p>{text}</p>
      {children !== undefined && <div class="empty-actions">{children}</div>}
    </div>
  );
}
