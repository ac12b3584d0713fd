export { isPublicAddress } from '@qwen-edit/net';
