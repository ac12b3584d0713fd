import { didYouMean, mostErrors, nearestOf } from '@qwen-edit/contract';

/** A variable that looks like one of ours and is none, so that it has no effect. */
export interface UnknownSetting {
  readonly variable: string;
  /** The setting that was most likely meant. */
  readonly nearest: string | undefined;
}

const OURS = 'QWEN_EDIT_';
/** Of the project's own tests, which start programs in their environment: CONTRIBUTING.md. */
const OF_TESTS = 'QWEN_EDIT_TEST_';
/** Others may well use names such as HOST or PORTS for something of their own. */
const TELLING_LENGTH = 9;
const MOST_ERRORS = 2;
/** The AWS SDK has one for each of its services; there are proxies for more protocols than those that are spoken here. */
const OF_OTHERS = /^AWS_ENDPOINT_URL|^[a-z]+_proxy$/i;
/**
 * What Kubernetes and Docker set for a service whose name begins with `qwen-edit`.
 * Source: Kubernetes, Discovering services, Environment variables.
 */
const OF_A_SERVICE = /_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const ADDRESS_OF_A_SERVICE = /^(tcp|udp|sctp):\/\//;

/** True for a variable that nobody wrote: Kubernetes sets `QWEN_EDIT_METRICS_PORT` for a service `qwen-edit-metrics`. */
export function isOfService(variable: string, value: string): boolean {
  return OF_A_SERVICE.test(variable) || (variable.endsWith('_PORT') && ADDRESS_OF_A_SERVICE.test(value));
}

/**
 * The variables that were meant as settings and are none: all others that begin with QWEN_EDIT_, and those a typing error or two
 * away from a setting which is not set itself.
 */
export function findUnknownSettings(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): readonly UnknownSetting[] {
  const known = new Set(settings);
  const unset = settings.filter((name) => (environment[name] ?? '') === '');
  return Object.entries(environment).flatMap(([variable, value = '']): UnknownSetting[] => {
    if (value === '' || known.has(variable) || isOfService(variable, value) || variable.startsWith(OF_TESTS)) return [];
    // Names have no case on Windows.
    if (process.platform === 'win32' && known.has(variable.toUpperCase())) return [];
    if (variable.toUpperCase().startsWith(OURS)) return [{ variable, nearest: nearestSetting(variable, settings) }];
    if (variable.length < TELLING_LENGTH || OF_OTHERS.test(variable)) return [];
    const nearest = nearestOf(variable, unset, MOST_ERRORS);
    return nearest === undefined ? [] : [{ variable, nearest }];
  });
}

/** A name may also have its words in another order, or a QWEN_EDIT_ too many. */
function nearestSetting(variable: string, settings: readonly string[]): string | undefined {
  const bare = variable.slice(OURS.length);
  const most = mostErrors(bare);
  const words = wordsOf(variable);
  return (
    nearestOf(variable, settings, most) ??
    settings.find((name) => wordsOf(name) === words) ??
    nearestOf(bare, settings, Math.min(MOST_ERRORS, most))
  );
}

const wordsOf = (name: string): string => name.toUpperCase().split('_').sort().join('_');

/** The warning for people. It does not repeat the value, which may be a secret. */
export function unknownSettingText({ variable, nearest }: UnknownSetting): string {
  return `warning: ${variable} is no setting of this version and has no effect.${didYouMean(nearest)}\n`;
}
