export { createSafeFetch } from '@qwen-edit/net';
