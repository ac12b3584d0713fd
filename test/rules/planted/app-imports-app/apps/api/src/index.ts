export const work = () => import('@qwen-edit/worker');
