import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serviceAddress } from '../../services.ts';
import { docker } from '../containers.ts';
import { pollUntil } from '../waiting.ts';
import { buildPrometheus } from './prometheus-image.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');

/** A deployment of infra/compose.yaml with its balancer, and what a test asks of it. */
export interface Stack {
  /** Variables that Compose reads; `docker compose` and infra/roll.sh act on this deployment with them. */
  readonly env: Readonly<Record<string, string>>;
  /** The file of the balancer's certificate. */
  readonly certificate: string;
  readonly apis: readonly string[];
  readonly balancer: string;
  readonly secureBalancer: string;
  readonly prometheus: string;
  /** An API key. Empty before `up`. */
  readonly key: () => string;
  readonly asCaller: () => Readonly<Record<string, string>>;
  compose(...args: readonly string[]): Promise<string>;
  /** A password of infra/.env. */
  password(name: string): Promise<string>;
  /** Starts all of it, with Prometheus if that is here. */
  up(withPrometheus: boolean): Promise<void>;
  /** Ids of the running containers of a service. */
  containers(service: string): Promise<readonly string[]>;
  /** The address of a container on the inner network, which this machine reaches. */
  inside(service: string): Promise<string>;
  /** The address of this machine on the outer network, which containers reach. */
  gateway(): Promise<string>;
  /** Resolves when every container of these services is healthy, or runs where it has no health check. */
  untilHealthy(...services: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

/** Grafana, Loki and Vector cannot be had everywhere. */
const SERVICES = ['postgres', 'minio', 'localstack', 'api', 'dispatcher', 'worker', 'lb'] as const;

/** Ports far from those that somebody may use by hand. */
const PORTS = {
  API_PORTS: '17860-17861',
  S3_PORT: '19000',
  LB_PORT: '18080',
  TLS_PORT: '17443',
  PROMETHEUS_PORT: '19090',
} as const;

export function createStack(): Stack {
  const project = `qwen-edit-test-${process.pid}`;
  const passwords = join(tmpdir(), `${project}.env`);
  const certificates = join(tmpdir(), `${project}-tls`);
  const files = ['infra/compose.yaml', 'infra/compose.tls.yaml', 'test/e2e/compose/short-times.yaml'];
  const env = {
    ...PORTS,
    COMPOSE_FILE: files.map((file) => join(root, file)).join(':'),
    COMPOSE_PROJECT_NAME: project,
    COMPOSE_ENV_FILES: passwords,
    TLS_FOLDER: certificates,
    PROMETHEUS_IMAGE: 'qwen-edit-test-prometheus:local',
  };
  let key = '';
  const compose = (...args: readonly string[]): Promise<string> => docker(['compose', ...args], env);
  const containers = async (service: string): Promise<readonly string[]> =>
    (await compose('ps', '--quiet', service)).trim().split('\n').filter(Boolean);

  async function isHealthy(service: string): Promise<boolean> {
    const ids = await containers(service);
    if (ids.length === 0) return false;
    const format = '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}';
    const states = (await docker(['inspect', '--format', format, ...ids])).trim().split('\n');
    return states.every((state) => state === 'healthy' || state === 'running');
  }

  return {
    env,
    certificate: join(certificates, 'fullchain.pem'),
    apis: ['http://127.0.0.1:17860', 'http://127.0.0.1:17861'],
    balancer: `http://127.0.0.1:${PORTS.LB_PORT}`,
    secureBalancer: `https://127.0.0.1:${PORTS.TLS_PORT}`,
    prometheus: `http://127.0.0.1:${PORTS.PROMETHEUS_PORT}`,
    key: () => key,
    asCaller: () => ({ authorization: `Bearer ${key}` }),
    compose,
    containers,
    async password(name) {
      const lines = (await readFile(passwords, 'utf8')).split('\n');
      return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    },
    async up(withPrometheus) {
      await run(join(root, 'infra/make-env.sh'), [passwords]);
      await makeCertificate(certificates);
      await serviceAddress('role-images');
      if (withPrometheus) await buildPrometheus(env.PROMETHEUS_IMAGE);
      await compose('--profile', 'lb', 'build', '--quiet', 'lb');
      key = (await compose('run', '--rm', 'api', 'keys', 'create', '--name', 'me')).trim();
      await compose('up', '--no-build', '--detach', '--wait', ...SERVICES, ...(withPrometheus ? ['prometheus'] : []));
    },
    async inside(service) {
      const [id = ''] = await containers(service);
      const format = `{{(index .NetworkSettings.Networks "${project}_inside").IPAddress}}`;
      return (await docker(['inspect', '--format', format, id])).trim();
    },
    async gateway() {
      const format = '{{(index .IPAM.Config 0).Gateway}}';
      return (await docker(['network', 'inspect', '--format', format, `${project}_outside`])).trim();
    },
    async untilHealthy(...services) {
      for (const service of services) await pollUntil(`a healthy ${service}`, () => isHealthy(service));
    },
    async remove() {
      await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '1');
      await rm(passwords, { force: true });
      await rm(certificates, { recursive: true, force: true });
    },
  };
}

/** The database, as this machine reaches it. */
export async function databaseUrlOf(stack: Stack): Promise<string> {
  return `postgres://qwen_edit:${await stack.password('POSTGRES_PASSWORD')}@${await stack.inside('postgres')}/qwen_edit`;
}

/** A certificate for 127.0.0.1 that signs itself, as the user of the balancer can read it. */
async function makeCertificate(folder: string): Promise<void> {
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(folder, 'privkey.pem'), '-out', join(folder, 'fullchain.pem')];
  await run('mkdir', ['-p', folder]);
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...name, ...files]);
  await run('chmod', ['0644', join(folder, 'privkey.pem')]);
}
