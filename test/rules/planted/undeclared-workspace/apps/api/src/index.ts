import '@qwen-edit/net';
