import type { AppError } from '@qwen-edit/contract';
import type { HubSettings } from '@qwen-edit/hub';
import type { availableMemory, inspectModel, runSelfTest, verifyModel } from '@qwen-edit/pipeline';
import type { ChosenEngines } from '../devices/choose-engines.ts';
import type { LookAtCards } from '../devices/machine-cards.ts';
import type { ChosenModel } from '../model/choose-model.ts';
import type { Config } from '../settings.ts';
import type { UnknownSetting } from '../unknown-settings.ts';
import type { Finding } from './finding.ts';
import type { Host } from './host.ts';

/** What every check may use. */
export interface DoctorDeps {
  readonly host: Host;
  readonly config: Config;
  /** What is wrong with settings; `config` then has the defaults in their place. */
  readonly wrongSettings: AppError | undefined;
  readonly unknownSettings: readonly UnknownSetting[];
  readonly demoModelDir: string;
  /** The engines that workers would have. */
  readonly engines: ChosenEngines;
  readonly lookAtCards: LookAtCards;
  /** The model that workers would load. */
  readonly chosen: ChosenModel;
  /** Its folder; undefined for one of the hub that is not whole here. */
  readonly modelDir: string | undefined;
  readonly hub: HubSettings;
  readonly version: string;
  /** True if storage may be written to, for a probe. */
  readonly write: boolean;
  readonly fetch: typeof fetch;
  readonly availableMemory: typeof availableMemory;
  readonly inspectModel: typeof inspectModel;
  readonly verifyModel: typeof verifyModel;
  readonly runSelfTest: typeof runSelfTest;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Looks at one thing and changes nothing. What it throws is told as a problem; the signal ends it. */
export type Check = (deps: DoctorDeps, signal: AbortSignal) => Promise<readonly Finding[]>;
