import { used } from './values.ts';

console.log(used);
