export { answer } from '../../../contract/src/index.ts';
