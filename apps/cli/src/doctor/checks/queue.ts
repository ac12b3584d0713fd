import { describeSqsQueue, type SqsFacts } from '@qwen-edit/queue';
import type { Check } from '../check.ts';
import { type Finding, noteFinding, okFinding } from '../finding.ts';

/** Fewer receipts than this send a job that is only given back to the dead-letter queue: see docs/operations.md. */
const LEAST_RECEIPTS = 10;
const LONGEST_RETENTION = 14 * 86_400;

/** The queue and its dead-letter queue. */
export const checkQueue: Check = async ({ config }, signal) => {
  if (config.queueUrl.toLowerCase().startsWith('postgres:')) return [okFinding('the jobs table is the queue')];
  const at = {
    ...(config.sqsEndpoint === undefined ? {} : { endpoint: config.sqsEndpoint }),
    ...(config.region === undefined ? {} : { region: config.region }),
  };
  const facts = await describeSqsQueue({ ...at, queueUrl: config.queueUrl }, signal);
  const findings = [
    okFinding(`${nameOf(config.queueUrl)} is reached; about ${facts.messages} messages`),
    ...adviceFor(facts),
  ];
  if (config.queueDlqUrl === undefined) {
    findings.push(
      noteFinding(
        'QUEUE_DLQ_URL is not set: nobody looks at messages that came back too often.',
        'Set it to the dead-letter queue.',
      ),
    );
    return findings;
  }
  const dead = await describeSqsQueue({ ...at, queueUrl: config.queueDlqUrl, setting: 'QUEUE_DLQ_URL' }, signal);
  findings.push(
    dead.messages === 0
      ? okFinding(`${nameOf(config.queueDlqUrl)} is reached and empty`)
      : noteFinding(
          `${nameOf(config.queueDlqUrl)} has about ${dead.messages} messages.`,
          'A dispatcher takes them within a minute: check that one runs and has QUEUE_DLQ_URL.',
        ),
  );
  return findings;
};

function adviceFor({ maxReceiveCount, retentionSeconds }: SqsFacts): Finding[] {
  const findings: Finding[] = [];
  if (maxReceiveCount === undefined)
    findings.push(
      noteFinding(
        'The queue has no redrive policy: a message that no worker can take comes again for ever.',
        'Set one with maxReceiveCount 20.',
      ),
    );
  else if (maxReceiveCount < LEAST_RECEIPTS)
    findings.push(
      noteFinding(
        `maxReceiveCount is ${maxReceiveCount}: each retry and each restart of a worker counts.`,
        'Set it to 10 or more.',
      ),
    );
  if (retentionSeconds < LONGEST_RETENTION)
    findings.push(
      noteFinding(
        `Messages are kept for ${Math.round(retentionSeconds / 86_400)} days: jobs that wait longer need a new message.`,
        'Set the retention of the queue to 14 days.',
      ),
    );
  return findings;
}

function nameOf(url: string): string {
  return `the queue ${url.split('/').at(-1) ?? ''}`;
}
