import type { ModelDownload } from '@qwen-edit/contract';
import { useEffect } from 'preact/hooks';
import { downloadFraction, downloadParts } from '../../lib/download.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { ProgressMeter } from './progress-meter.tsx';

/** Read out each time that so much more of it is there. */
const SAID_PERCENT = 10;

/** How far the download of the model is: a bar and figures. Screen readers hear of it now and then. */
export function DownloadProgress({ download }: { readonly download: ModelDownload }) {
  const { announcer } = useApp();
  const words = useWords();
  const format = useFormat();
  const parts = downloadParts(words, format, download);
  const fraction = downloadFraction(download);
  const step = fraction === undefined ? 0 : Math.floor((fraction * 100) / SAID_PERCENT);
  useEffect(() => {
    announcer.mention(words.download.said(parts.join(words.errors.fields.comma)));
  }, [download.phase, step]);
  return (
    <div class="download">
      <ProgressMeter fraction={fraction} label={words.download.label} />
      <p class="download-figures">
        {parts.map((part) => (
          <span key={part}>{part}</span>
        ))}
      </p>
    </div>
  );
}
