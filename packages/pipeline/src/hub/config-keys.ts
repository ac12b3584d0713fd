import { z } from 'zod';

/**
 * What the schemas of the components' configurations share. A key that changes the maths is either understood or has to
 * have the one value that we compute; a key that the reference ignores is ignored here too.
 */

/** A whole number of at least 1. */
export const positiveInt = z.int().min(1);

/** A key that may be absent, or have this one value. `why` says what others would mean. */
export const must = <const T extends string | number | boolean>(value: T, why = 'other values are not supported') =>
  z.literal(value, `must be ${value}: ${why}`).optional();

/** A switch that has to be off. */
export const off = must(false);

/** The key of quantised checkpoints, which has to be absent. */
export const unquantised = z.never('is not supported: use the unquantised weights').optional();
