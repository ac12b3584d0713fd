import { cpus } from 'node:os';
import type { Likeness } from '@qwen-edit/contract';
import { measureCardPrompts } from '@qwen-edit/demo-model/measure/card-prompts';
import { type OnEditors, withEditors } from '@qwen-edit/demo-model/measure/editors';
import type { Picture } from '@qwen-edit/demo-model/measure/exact-edits';
import { type LikenessRow, measureLikeness } from '@qwen-edit/demo-model/measure/likeness';
import { mean } from '@qwen-edit/demo-model/measure/pictures';
import { measureLeftAlone, measureQuality, type QualityRow } from '@qwen-edit/demo-model/measure/quality';
import { measureLists, measureReading, type ReadingRow } from '@qwen-edit/demo-model/measure/reading';
import { mistakesOf, qualityTable, readingTable } from '@qwen-edit/demo-model/measure/report';
import { measureSpeed } from '@qwen-edit/demo-model/measure/speed';
import {
  LEFT_ALONE_SIDE,
  LIKENESS_SUITES,
  QUALITY_SUITE_NAMES,
  QUALITY_SUITES,
  type QualitySuiteName,
} from '@qwen-edit/demo-model/measure/suites';
import { createPipeline, isUnchanged, likenessOf } from '@qwen-edit/pipeline';
import { z } from 'zod';
import {
  cardInputs,
  inputsDigest,
  modelDigest,
  PHOTO_NAMES,
  photosAt,
  readCardPrompts,
  readGoldenPrompts,
  readHeldOutPrompts,
  readPhotos,
} from './inputs.ts';
import { measureLoras, measureSteps } from './measure-loras.ts';
import { MEASUREMENTS_FILE, measurementsSchema, readMeasurements, writeMeasurements } from './measurements.ts';

/**
 * `npm run measure:demo-model` measures the demo model on all held-out phrases and photos and writes measurements.json,
 * which the tests hold to their floors. With the names of suites behind it, it measures only these again (`likeness` is one too); the others must
 * be of the same weights and inputs. `npm run measure:demo-model speed` times edits instead and writes nothing; `loras` measures the model's
 * LoRAs and writes lora-measurements.json, `steps` the model by steps and with its presets and writes step-measurements.json; `presets` is for an edit_config.json that only offers something new.
 */
const LIKENESS = 'likeness';
const ENGINES = 2;
/** The suite that carryOver measures, and how near each figure must be: another processor moves it by some tenths, a wrong picture by several decibels. */
const CARRIED_BY = 'small';
const SAME_DB = 1;
const SPEED_SIDES = [256, 512];
const SPEED_ROUNDS = 2;

async function measureSuites(
  onEditors: OnEditors,
  names: readonly QualitySuiteName[],
): Promise<Record<string, QualityRow[]>> {
  const prompts = await readGoldenPrompts();
  const measured: Record<string, QualityRow[]> = {};
  for (const name of names) {
    const { title, width, height, photos: count, kinds, languages, settings } = QUALITY_SUITES[name];
    const photos = (await photosAt(width, height)).slice(0, count);
    const rows = await measureQuality({ onEditors, photos, prompts, kinds, languages, settings });
    console.log(`Quality at ${width} × ${height}, ${title}\n${qualityTable(rows, PHOTO_NAMES.slice(0, count))}\n`);
    measured[name] = rows;
  }
  return measured;
}

async function measureAllReading(onEditors: OnEditors): Promise<Record<string, ReadingRow[]>> {
  const prompts = await readHeldOutPrompts();
  const options = { onEditors, perList: Number.POSITIVE_INFINITY };
  const measured = {
    heldOut: await measureReading(prompts, options),
    hand: await measureLists(prompts.hand, options),
    card: await measureLists(Object.fromEntries(await readCardPrompts()), options),
  };
  for (const [name, rows] of Object.entries(measured))
    console.log(`Reading of phrases: ${name}\n${readingTable(rows)}\n\n${mistakesOf(rows)}\n`);
  return measured;
}

async function measureAllLikeness(onEditors: OnEditors): Promise<LikenessRow[]> {
  const prompts = await readGoldenPrompts();
  const { unknown } = await readHeldOutPrompts();
  const levels = ({ width, height, data }: Picture) => ({ width, height, data: data.map((x) => Math.round(255 * x)) });
  const measured: LikenessRow[] = [];
  for (const { side, photos: count } of LIKENESS_SUITES) {
    const photos = (await photosAt(side, side)).slice(0, count);
    const wishes = [...unknown.en, ...unknown.zh];
    const row = await measureLikeness({
      ...{ onEditors, side, photos, prompts, wishes },
      likenessOf: (a, b) => likenessOf(levels(a), levels(b)),
    });
    const edited = row.kinds.filter(({ kind }) => kind !== 'same').flatMap((each) => each.photos);
    const share = (all: readonly Likeness[]): string => `${all.filter(isUnchanged).length} of ${all.length}`;
    console.log(
      `Unchanged at ${side}²: ${share(edited)} edits that it knows, ${share(row.wishes)} wishes that it does not.`,
    );
    measured.push(row);
  }
  return measured;
}

async function measureAll(): Promise<void> {
  const { unknown } = await readHeldOutPrompts();
  const measured = await withEditors({ open: createPipeline, engines: ENGINES }, async (onEditors) => {
    const reading = await measureAllReading(onEditors);
    const quality = await measureSuites(onEditors, QUALITY_SUITE_NAMES);
    const leftAlone = await measureLeftAlone({
      onEditors,
      photos: await photosAt(LEFT_ALONE_SIDE, LEFT_ALONE_SIDE),
      wishes: [...unknown.en, ...unknown.zh],
    });
    const cardPrompts = await measureCardPrompts({ onEditors, ...(await cardInputs()) });
    const likeness = await measureAllLikeness(onEditors);
    return { reading, quality, leftAlone, cardPrompts, likeness };
  });
  console.log(`Unknown wishes leave the photo at ${mean(measured.leftAlone.map(({ db }) => db)).toFixed(1)} dB.`);
  const measurements = measurementsSchema.parse({
    model: await modelDigest(),
    inputs: await inputsDigest(),
    processor: cpus()[0]?.model ?? 'unknown',
    date: new Date().toISOString().slice(0, 10),
    ...measured,
  });
  await writeMeasurements(measurements);
  console.log(`Written to ${MEASUREMENTS_FILE}.`);
}

async function speed(): Promise<void> {
  const [photo] = await readPhotos();
  for (const side of SPEED_SIDES) {
    const { load_s, edit_s } = await measureSpeed(createPipeline, photo!, side, SPEED_ROUNDS);
    console.log(`One thread, ${side}²: an edit in ${edit_s.toFixed(2)} s, opened in ${load_s.toFixed(2)} s`);
  }
}

async function measureSome(names: readonly (QualitySuiteName | typeof LIKENESS)[]): Promise<void> {
  const before = await readMeasurements();
  if (before.model !== (await modelDigest()) || before.inputs !== (await inputsDigest()))
    throw new Error('The weights or the inputs have changed: measure all suites, without naming any.');
  const suites = names.filter((name) => name !== LIKENESS);
  const measured = await withEditors({ open: createPipeline, engines: ENGINES }, async (onEditors) => ({
    quality: { ...before.quality, ...(await measureSuites(onEditors, suites)) },
    likeness: names.includes(LIKENESS) ? await measureAllLikeness(onEditors) : before.likeness,
  }));
  await writeMeasurements(measurementsSchema.parse({ ...before, ...measured }));
}

/** Measures one suite again: if every figure is as it was, all others hold too, for the digest that the model has now. */
async function carryOver(): Promise<void> {
  const before = await readMeasurements();
  if (before.inputs !== (await inputsDigest())) throw new Error('The inputs have changed: measure all suites.');
  const again = await withEditors({ open: createPipeline, engines: ENGINES }, (onEditors) =>
    measureSuites(onEditors, [CARRIED_BY]),
  );
  const flat = (rows: readonly QualityRow[] = []): number[] => rows.flatMap(({ en, zh }) => [...en, ...zh]);
  const [now, then] = [flat(again[CARRIED_BY]), flat(before.quality[CARRIED_BY])];
  const furthest = Math.max(...now.map((db, i) => Math.abs(db - (then[i] ?? Number.NaN))));
  console.log(`Furthest from what was measured before: ${furthest.toFixed(4)} dB.`);
  if (!(now.length === then.length && furthest < SAME_DB)) throw new Error('Edits have changed: measure all suites.');
  await writeMeasurements({ ...before, model: await modelDigest() });
}

const names = process.argv.slice(2);
if (names.includes('speed')) await speed();
else if (names.includes('loras')) await measureLoras();
else if (names.includes('steps')) await measureSteps();
else if (names.includes('presets')) await carryOver();
else if (names.length === 0) await measureAll();
else await measureSome(z.array(z.enum([...QUALITY_SUITE_NAMES, LIKENESS])).parse(names));
