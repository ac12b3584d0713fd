export const HELP = `qwen-edit: edits pictures with Qwen-Image-Edit-2511

  qwen-edit edit --image IN.png --prompt TEXT --out OUT.png
  qwen-edit edit --help
  qwen-edit --version
`;

export const EDIT_HELP = `Edits one picture, or several together, as the prompt says.

  qwen-edit edit --image A.png [--image B.png ...] --prompt TEXT --out OUT.png [flags]

  --image FILE             a picture, 1 to 8 times; the prompt may call them Picture 1, Picture 2, ...
  --prompt TEXT            what to change
  --out FILE               where the result goes; .png, .jpg or .webp decides its format,
                           several results become OUT-0.png, OUT-1.png, ...
  --model DIR              the model's folder (default: QWEN_EDIT_2511_DIR, else a small demo model)
  --negative-prompt TEXT   what to keep away from (default: a space)
  --no-negative-prompt     no guidance by a negative prompt
  --steps N                1 to 100 (default: what the model recommends, else 40)
  --true-cfg-scale X       strength of the guidance (default: what the model recommends, else 4)
  --guidance-scale X       accepted and without effect on this model
  --seed N                 0 to 18446744073709551615, or -1 to draw one (default: 0)
  --num-images N           results for one prompt (default: 1)
  --max-side N             longest side of each picture that the model sees, 0 = as it is (default: 768)
  --height H, --width W    size of the result, floored to what the model can do
  --precision fp32         numbers that the networks use
  --json                   one JSON object on standard output
  -h, --help               this text

Exit codes: 0 done, 1 failed, 2 bad usage, 130 stopped by Ctrl-C.
`;
