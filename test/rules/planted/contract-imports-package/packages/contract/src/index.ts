import '@qwen-edit/pipeline';
