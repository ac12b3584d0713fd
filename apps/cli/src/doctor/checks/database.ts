import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { maskUrl } from '@qwen-edit/contract';
import {
  type ConnectionFacts,
  createDatabase,
  embeddedVersion,
  laterSchemaText,
  readDataDirLock,
  readServerFacts,
  requireMigrated,
  type ServerFacts,
} from '@qwen-edit/db';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';

const ANSWER_MS = 5000;
const OLDEST = 15;
const NEWEST = 18;
/** The clock of the database decides leases; that of this machine only shows in logs. */
const SKEW_MS = 30_000;

/** The database: that of DATABASE_URL, that of the running service, or the one that `serve` would start. Nothing is started. */
export const checkDatabase: Check = async (deps) => {
  const { config } = deps;
  if (config.databaseUrl !== undefined) return askDatabase(deps, config.databaseUrl, config.databaseDirectUrl);
  const holder = await readDataDirLock(config.dataDir);
  if (typeof holder?.database_url === 'string') return askDatabase(deps, holder.database_url, undefined);
  return embedded(deps);
};

async function embedded({ config }: DoctorDeps): Promise<Finding[]> {
  const version = await embeddedVersion();
  const path = join(config.dataDir, 'postgres', 'PG_VERSION');
  const present = (await readFile(path, 'utf8').catch(() => '')).trim();
  const facts = `PostgreSQL ${version} is installed; serve starts it`;
  if (present === '') return [okFinding(`${facts} with a new database in ${config.dataDir}`)];
  if (Number.parseInt(version, 10) === Number(present))
    return [okFinding(`${facts} with the database in ${config.dataDir}`)];
  return [
    problemFinding(`The database in ${config.dataDir} is of PostgreSQL ${present}, and ${version} is installed.`, {
      remedy: 'Use the version of qwen-edit that made it, or another QWEN_EDIT_DATA_DIR.',
    }),
  ];
}

async function askDatabase(deps: DoctorDeps, url: string, directUrl: string | undefined): Promise<Finding[]> {
  const database = createDatabase({
    url,
    directUrl,
    max: 1,
    applicationName: 'qwen-edit doctor',
    connectTimeoutMs: ANSWER_MS,
    waitMs: ANSWER_MS,
    statementTimeoutMs: ANSWER_MS,
  });
  try {
    const before = deps.now();
    const server = await readServerFacts(database);
    const skew = server.now - (before + deps.now()) / 2;
    const findings = [
      ...serverFindings(deps, server, await database.facts()),
      ...(Math.abs(skew) > SKEW_MS ? [clockFinding(skew)] : []),
    ];
    try {
      const state = await requireMigrated(database);
      findings.push(
        state.later === undefined
          ? okFinding(`the schema is that of this version (${state.known})`)
          : noteFinding(`${laterSchemaText(state)} It may be used by this one.`),
      );
    } catch (thrown) {
      findings.push(findingOf(thrown));
    }
    return findings;
  } catch (thrown) {
    const { message, ...rest } = findingOf(thrown);
    return [{ ...rest, message: `${maskUrl(url)}: ${message}` }];
  } finally {
    await database.close();
  }
}

function serverFindings({ config }: DoctorDeps, server: ServerFacts, facts: ConnectionFacts): Finding[] {
  const major = Math.floor(server.versionNumber / 10_000);
  const version = `PostgreSQL ${facts.serverVersion}${facts.tls ? ', by TLS' : ''}${facts.pooled ? ', through a pooler' : ''}`;
  const free = server.maxConnections - server.reservedConnections - server.connections;
  const findings = [okFinding(`${version}; ${server.connections} of ${server.maxConnections} connections are in use`)];
  if (major < OLDEST)
    findings.push(
      problemFinding(`PostgreSQL ${major} is too old.`, { remedy: `Use PostgreSQL ${OLDEST} to ${NEWEST}.` }),
    );
  if (major > NEWEST)
    findings.push(noteFinding(`PostgreSQL ${major} was not tested with this version; ${OLDEST} to ${NEWEST} were.`));
  if (server.readOnly)
    findings.push(
      problemFinding('The database is read-only.', {
        cause: 'A standby answers, or default_transaction_read_only is on.',
        remedy: 'Let DATABASE_URL name the primary server.',
      }),
    );
  if (free < config.databasePoolSize && !facts.pooled)
    findings.push(
      noteFinding(
        `${Math.max(0, free)} connections are left, and each process wants up to ${config.databasePoolSize}.`,
        'Lower DATABASE_POOL_SIZE, raise max_connections, or put a pooler before the server.',
      ),
    );
  if (facts.pooled && config.databaseDirectUrl === undefined)
    findings.push(
      noteFinding(
        'A pooler answers, and DATABASE_DIRECT_URL is not set: the queue is polled, and migrations go through the pooler.',
        'Set DATABASE_DIRECT_URL to the server itself.',
      ),
    );
  return findings;
}

function clockFinding(skew: number): Finding {
  const seconds = Math.round(Math.abs(skew) / 1000);
  return noteFinding(
    `The clock of the database is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's.`,
    'Let NTP or chrony keep both. Times in logs do not fit each other until then.',
  );
}
