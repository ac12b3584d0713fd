import { expect, it } from 'vitest';
import { parametersHelp } from './parameter-help.ts';

it('the help has a line for each flag of a parameter, with its default', () => {
  expect(parametersHelp().split('\n')).toEqual([
    '  --negative-prompt TEXT   what to keep away from (default: a space)',
    '  --no-negative-prompt     no guidance by a negative prompt',
    '  --steps N                1 to 100 (default: what the model recommends, else 40)',
    '  --true-cfg-scale X       strength of the guidance (default: what the model recommends, else 4)',
    '  --guidance-scale X       accepted and without effect on this model',
    '  --seed N                 0 to 18446744073709551615, or -1 to draw one (default: 0)',
    '  --num-images N           results for one prompt (default: 1)',
    '  --max-side N             longest side of each picture that the model sees, 0 = as it is (default: 768)',
    '  --height H, --width W    size of the result; one alone: the other follows the last picture',
    '  --size WxH               both sides of the result, as 1024x768, or auto (default: auto)',
    "  --output-area N          pixels of the result if no side is given; else the model's own",
    "  --reference-size WORD    size of the references: model, the model's own, or output, the result's (default: model)",
    '  --preset NAME            standard, draft (about 512 x 512, references too), or one of the model, as lightning-4',
    '  --lora PLACE[@SCALE]     a LoRA: its name, a .safetensors file, or owner/name of the hub; may be repeated',
    '  --speed WORD             exact, balanced or fast: how many steps may be foreseen instead of computed (default: exact)',
  ]);
});
