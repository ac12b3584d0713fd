import { cli } from '@qwen-edit/cli';

export const name = cli;
