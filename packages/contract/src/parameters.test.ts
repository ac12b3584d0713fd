import { expect, it } from 'vitest';
import { PARAMETER_NAMES, PARAMETERS, parameterFacts } from './parameters.ts';

it('every default and every end of a slider is a value that the schema takes', () => {
  for (const name of PARAMETER_NAMES) {
    const { schema, default: value, page } = parameterFacts(name);
    const values = [value, page?.slider?.min, page?.slider?.max].filter((each) => each !== undefined);
    for (const each of values) expect(schema.safeParse(each), name).toMatchObject({ success: true });
  }
});

it('no two parameters share a flag, or a place on the page', () => {
  const facts = PARAMETER_NAMES.map(parameterFacts);
  const flags = facts.flatMap(({ cli }) => (cli === undefined ? [] : [cli.flag, ...(cli.none ? [cli.none.flag] : [])]));
  const places = facts.flatMap(({ page }) => (page === undefined ? [] : [page.position]));
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(places).size).toBe(places.length);
});

it('numbers are taken up to both ends of their range, and not beyond', () => {
  for (const name of PARAMETER_NAMES) {
    const { schema, min, max, kind } = parameterFacts(name);
    if (min === undefined || max === undefined) continue;
    const written = (value: number) => (kind === 'size' ? `${value}x${value}` : value);
    const taken = [min - 1, min, max, max + 1].map((value) => schema.safeParse(written(value)).success);
    expect(taken, name).toEqual([false, true, true, false]);
  }
  expect(PARAMETERS.num_inference_steps).toMatchObject({ min: 1, max: 100 });
});
