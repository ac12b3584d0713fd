import { useApp } from '../../state/use-app.tsx';

/** Copies a text and says so. Pages of plain http beyond this machine have no clipboard but the old one. */
export function useCopy(): (text: string, said: string) => Promise<void> {
  const { toasts, words } = useApp();
  return async (text, said) => {
    const copied = (await byClipboard(text)) || bySelection(text);
    toasts.show(copied ? said : words.value.common.copyFailed, copied ? 'good' : 'bad');
  };
}

async function byClipboard(text: string): Promise<boolean> {
  if (navigator.clipboard === undefined) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function bySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  // Inside an open dialog, what lies outside cannot be focused.
  const host = document.querySelector('dialog[open]') ?? document.body;
  host.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  return copied;
}
