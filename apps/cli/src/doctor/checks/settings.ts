import { access, constants, stat } from 'node:fs/promises';
import { didYouMean, toAppError } from '@qwen-edit/contract';
import { checkWebhookSecret } from '@qwen-edit/dispatcher';
import { kindOf } from '../../devices/parse-engines.ts';
import { precisionOf } from '../../precision-setting.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';

/** Settings that are wrong, unknown, without effect, or in each other's way. */
export const checkSettingValues: Check = async (deps) => {
  const findings: Finding[] = [
    ...(deps.wrongSettings === undefined ? [] : [findingOf(deps.wrongSettings)]),
    ...deps.unknownSettings.map(({ variable, nearest }) =>
      noteFinding(
        `${variable} is no setting of this version and has no effect.${didYouMean(nearest)}`,
        `Correct or unset ${variable}.`,
      ),
    ),
    ...contradictions(deps),
    ...precisionFindings(deps),
    ...(await placesOf(deps)),
  ];
  return findings.length === 0 ? [okFinding('every setting is known and fits the others')] : findings;
};

function contradictions({ config }: DoctorDeps): Finding[] {
  const findings: Finding[] = [];
  const isSqs = !config.queueUrl.toLowerCase().startsWith('postgres:');
  if (config.databaseDirectUrl !== undefined && config.databaseUrl === undefined) {
    findings.push(
      problemFinding('DATABASE_DIRECT_URL is set, and DATABASE_URL is not.', {
        remedy: 'Set DATABASE_URL to the same address where there is no pooler.',
      }),
    );
  }
  if (config.queueDlqUrl !== undefined && !isSqs)
    findings.push(
      noteFinding(
        'QUEUE_DLQ_URL has no effect: the jobs table is the queue.',
        'Unset it, or set QUEUE_URL to an SQS queue.',
      ),
    );
  if (isSqs && config.databaseUrl === undefined) {
    findings.push(
      noteFinding(
        'QUEUE_URL is a queue that others may share, and the database is the one of this data folder.',
        'Set DATABASE_URL too: messages of jobs that another database holds are dropped.',
      ),
    );
  }
  if (config.databaseUrl !== undefined && (config.storageUrl === undefined || /^file:/i.test(config.storageUrl))) {
    findings.push(
      noteFinding(
        'Pictures are stored in a folder, and the database may serve several machines.',
        'On more than one machine set STORAGE_URL to s3://…, or to a folder that all of them share.',
      ),
    );
  }
  if (config.insecure)
    findings.push(noteFinding('QWEN_EDIT_INSECURE is on: whoever reaches the API may use it without a key.'));
  if (config.retryFirstMs > config.retryMaxMs)
    findings.push(noteFinding('QWEN_EDIT_RETRY_SECONDS is longer than QWEN_EDIT_RETRY_MAX_SECONDS, which counts.'));
  return findings;
}

function precisionFindings({ config, engines }: DoctorDeps): Finding[] {
  return [...new Set(engines.engines.map(kindOf))].flatMap((kind) => {
    try {
      const { note } = precisionOf(config, kind);
      return note === undefined ? [] : [noteFinding(note)];
    } catch (thrown) {
      return [findingOf(thrown)];
    }
  });
}

/** Files and folders that settings name. Nothing is made: a folder that is missing is told. */
async function placesOf({ config }: DoctorDeps): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { outputDir, engineProgram, webhookSecret } = config;
  if (outputDir !== undefined && !(await mayUse(outputDir, constants.W_OK)))
    findings.push(
      problemFinding(`The folder ${outputDir} of QWEN_EDIT_OUTPUT_DIR is not there, or cannot be written to.`, {
        remedy: 'Make it, let the user of the service write to it, or unset QWEN_EDIT_OUTPUT_DIR.',
      }),
    );
  if (engineProgram !== undefined) {
    const isThere = await mayUse(engineProgram, constants.R_OK);
    findings.push(
      isThere
        ? noteFinding(
            `Edits are made by ${engineProgram} of QWEN_EDIT_ENGINE_PROGRAM, not by the model.`,
            'Unset it for real edits.',
          )
        : problemFinding(`The file ${engineProgram} of QWEN_EDIT_ENGINE_PROGRAM cannot be read.`, {
            remedy: 'Correct or unset QWEN_EDIT_ENGINE_PROGRAM.',
          }),
    );
  }
  if (webhookSecret !== undefined) {
    try {
      checkWebhookSecret(webhookSecret);
    } catch (thrown) {
      findings.push(findingOf(toAppError(thrown)));
    }
  }
  return findings;
}

async function mayUse(path: string, mode: number): Promise<boolean> {
  return Promise.all([stat(path), access(path, mode)]).then(
    () => true,
    () => false,
  );
}
