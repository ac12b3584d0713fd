export { rows } from '@qwen-edit/db';
