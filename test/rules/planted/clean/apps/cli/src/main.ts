import { home } from './config.ts';

console.log(home);
