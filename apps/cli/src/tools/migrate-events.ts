import { blockerText, type MigrateEvent } from '@qwen-edit/db';

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;

/** One line of what a migration does, or what it waits for. */
export function migrateEventText(event: MigrateEvent): string {
  switch (event.kind) {
    case 'applied':
      return `${event.migration}: applied in ${inSeconds(event.ms)}`;
    case 'unfinished_index':
      return `${event.migration}: drops the index ${event.index}, which an earlier run has not finished, and builds it again`;
    case 'running': {
      const { migration, statement, statements, seconds, progress } = event;
      const percent = progress?.percent === undefined ? '' : ` ${progress.percent} %`;
      const how = progress === undefined ? '' : `, ${progress.phase}${percent}`;
      return `${migration}: statement ${statement} of ${statements} has run for ${seconds} s${how}`;
    }
    case 'blocked': {
      const who = event.blockers.length === 0 ? '' : ` that is held by ${event.blockers.map(blockerText).join(', ')}`;
      const left = event.leftMs <= 0 ? '' : `; tries for ${inSeconds(event.leftMs)} more`;
      if (event.migration !== undefined) return `${event.migration}: waits for a lock${who}${left}`;
      const others = event.blockers.map(blockerText).join(', ');
      return `waits for another migrate to end${others === '' ? '' : `: ${others}`}${left}`;
    }
  }
}
