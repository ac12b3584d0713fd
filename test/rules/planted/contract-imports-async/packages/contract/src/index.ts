export { pause } from '@qwen-edit/async';
