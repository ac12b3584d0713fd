import cat from '@photos/cat.jpg?url';
import coffee from '@photos/coffee.jpg?url';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { FileButton } from './file-button.tsx';

/** Where pictures are asked for: the first thing that a reader sees. */
export function EmptyStage() {
  const { editor } = useApp();
  const words = useWords().editor;
  const samples = [
    { url: cat, name: words.sampleCat, file: 'cat.jpg' },
    { url: coffee, name: words.sampleCoffee, file: 'coffee.jpg' },
  ];

  async function take(url: string, name: string): Promise<void> {
    const blob = await (await fetch(url)).blob();
    await editor.pictures.add([new File([blob], name, { type: blob.type })]);
  }

  return (
    <div class="stage empty-stage">
      <div class="empty-stage-ask">
        <span class="empty-icon">
          <Icon name="picture" size={36} />
        </span>
        <p class="empty-stage-title">
          <span class="mouse-only">{words.dropHere}</span>
          <span class="touch-only">{words.addHere}</span>
        </p>
        <p class="quiet">
          <span class="mouse-only">{words.pasteHint}</span> {words.formats}
        </p>
        <div class="row centred">
          <FileButton icon="plus" label={words.choose} class="button primary" />
          <FileButton icon="camera" label={words.camera} class="button touch-only" camera />
        </div>
      </div>
      <div class="samples">
        <p class="quiet">{words.samples}</p>
        <ul class="row centred">
          {samples.map(({ url, name, file }) => (
            <li key={file}>
              <button type="button" class="sample" onClick={() => void take(url, file)}>
                <img class="sample-picture" src={url} alt="" width="96" height="64" />
                <span>{name}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
