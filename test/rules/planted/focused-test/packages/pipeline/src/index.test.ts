import { it } from 'vitest';

it.only('hides all other tests', () => {});
