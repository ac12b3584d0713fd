/** Said wherever the demo model's results show: nobody should take them for the real model's. */
export const DEMO_NOTE =
  'note: this is a small demo model trained on made-up pictures; it knows grayscale, negative, sepia, warm, cool, ' +
  'red/green/blue/yellow/purple tint, brighter, darker, contrast, vivid, pixelate, blur and the blend of two pictures, ' +
  'in English and Chinese. For the real model set QWEN_EDIT_2511_DIR or --model to a folder with Qwen-Image-Edit-2511.';
