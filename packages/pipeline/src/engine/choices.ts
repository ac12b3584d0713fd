import { AppError } from '@qwen-edit/contract';

/**
 * The key of `table` that a caller named, or `fallback` if the name is absent or empty.
 * Throws AppError `invalid_parameter`, which lists what the table has, for any other name.
 */
export function chooseFrom<Key extends string>(
  table: Readonly<Record<Key, { readonly label: string }>>,
  what: string,
  name: string | undefined,
  fallback: Key,
): Key {
  if (name === undefined || name === '') return fallback;
  if (isKeyOf(table, name)) return name;
  const known = Object.entries<{ readonly label: string }>(table).map(([key, { label }]) => `${key} (${label})`);
  throw new AppError('invalid_parameter', `There is no ${what} ${JSON.stringify(name)}; there is ${known.join(', ')}.`);
}

function isKeyOf<Key extends string>(table: Readonly<Record<Key, unknown>>, name: string): name is Key {
  return Object.hasOwn(table, name);
}
