import { useRef } from 'preact/hooks';
import { ACCEPT } from '../../lib/picture-kind.ts';
import { useApp } from '../../state/use-app.tsx';
import { Icon, type IconName } from '../common/icon.tsx';

export interface FileButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly class?: string;
  /** Asks for a new photo instead of a file, where the device can. */
  readonly camera?: boolean;
}

/** Opens the device's own choice of files, or its camera. */
export function FileButton({ icon, label, class: extra = 'button', camera = false }: FileButtonProps) {
  const { editor } = useApp();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={extra} onClick={() => input.current?.click()}>
        <Icon name={icon} size={18} />
        <span>{label}</span>
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={ACCEPT}
        multiple={!camera}
        {...(camera ? { capture: 'environment' } : {})}
        data-testid={camera ? 'camera-input' : 'file-input'}
        onChange={(event) => {
          const { currentTarget } = event;
          void editor.pictures.add([...(currentTarget.files ?? [])]);
          // The same file can be chosen again.
          currentTarget.value = '';
        }}
      />
    </>
  );
}
