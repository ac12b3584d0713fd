import { hrefOf } from '../../lib/routes.ts';
import { useWords } from '../../state/use-app.tsx';
import { Empty } from '../common/empty.tsx';
import { useTitle } from './use-title.ts';

export function UnknownPage() {
  const { unknown, job } = useWords();
  useTitle(unknown.heading);
  return (
    <Empty icon="link" level={1} heading={unknown.heading} text={unknown.help}>
      <a class="button primary" href={hrefOf({ name: 'edit' })}>
        {job.toEditor}
      </a>
    </Empty>
  );
}
