"""The quality gates, in diffusers itself: the checkpoint that was written edits photos as it should."""

import json
import math
import pathlib

import numpy
import torch
from PIL import Image

from checkpoint import Editor
from edits import KINDS, exact_edit
from held_out import LORA_HAND_WRITTEN, UNKNOWN_HELD_OUT

ROOT = pathlib.Path(__file__).resolve().parents[3]
PHOTOS = [
    ROOT / "scripts" / "demo" / "photos" / "cat.jpg",
    ROOT / "scripts" / "demo" / "photos" / "coffee.jpg",
    ROOT / "test" / "fixtures" / "photos" / "astronaut.jpg",
    ROOT / "test" / "fixtures" / "photos" / "rocket.jpg",
]
PROMPTS = ROOT / "test" / "fixtures" / "demo-model" / "golden-prompts.json"
MEAN_FLOOR_DB, KIND_FLOOR_DB = 29.0, 24.0
GUIDE_FLOOR_DB = 20.0
UNKNOWN_FLOOR_DB = 27.0
LORA_FLOOR_DB = 22.0
LARGE_KINDS = ["black_and_white", "negative", "frame"]


def _photo(path, size):
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.LANCZOS)


def _tensor(image):
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)[None].float() / 255


def _psnr(a, b):
    return 10 * math.log10(1 / max(1e-9, (a - b).pow(2).mean().item()))


def _measure(edit, size, photos, prompts, **parameters):
    """{kind: mean PSNR in dB against the exact edit}."""
    images = [_photo(path, size) for path in photos]
    result = {}
    for kind in KINDS:
        values = []
        for i, image in enumerate(images):
            other = images[(i + 1) % len(images)]
            inputs = [image, other] if kind == "blend" else [image]
            wanted = exact_edit(kind, *map(_tensor, inputs))
            values += [_psnr(_tensor(edit(inputs, prompts[kind][lang], **parameters)), wanted) for lang in ("en", "zh")]
        result[kind] = sum(values) / len(values)
    return result


def _measure_large(edit, prompts):
    """{kind: PSNR in dB} of a few edits of one photo at 512 pixels a side."""
    image = _photo(PHOTOS[0], 512)
    return {
        kind: _psnr(_tensor(edit([image], prompts[kind]["en"])), exact_edit(kind, _tensor(image)))
        for kind in LARGE_KINDS
    }


def check_gates(folder, log=print):
    """Logs the figures; raises ValueError where one is under its floor."""
    edit = Editor(folder)
    prompts = json.loads(PROMPTS.read_text(encoding="utf-8"))
    recommended = _measure(edit, 256, PHOTOS, prompts)
    guide = _measure(edit, 128, PHOTOS[:2], prompts, steps=40, scale=4.0)
    log("kind: dB at 256 px as recommended, dB at 128 px with the guide's 40 steps and scale 4")
    for kind in KINDS:
        log(f"  {kind:16} {recommended[kind]:5.1f} {guide[kind]:5.1f}")
    mean = sum(recommended.values()) / len(KINDS)
    log(f"  {'mean':16} {mean:5.1f} {sum(guide.values()) / len(KINDS):5.1f}")
    cat = _photo(PHOTOS[0], 128)
    wishes = UNKNOWN_HELD_OUT["en"] + UNKNOWN_HELD_OUT["zh"]
    unknown = sum(_psnr(_tensor(edit([cat], wish)), _tensor(cat)) for wish in wishes) / len(wishes)
    log(f"unknown wishes leave the picture at {unknown:.1f} dB")
    large = _measure_large(edit, prompts)
    log("at 512 px: " + ", ".join(f"{kind} {db:.1f} dB" for kind, db in large.items()))
    short = [f"{kind} {db:.1f} dB" for kind, db in recommended.items() if db < KIND_FLOOR_DB]
    short += [f"{kind} {db:.1f} dB at 512 px" for kind, db in large.items() if db < KIND_FLOOR_DB]
    short += [f"{kind} {db:.1f} dB with the guide's defaults" for kind, db in guide.items() if db < GUIDE_FLOOR_DB]
    if mean < MEAN_FLOOR_DB:
        short.append(f"mean {mean:.1f} dB")
    if unknown < UNKNOWN_FLOOR_DB:
        short.append(f"unknown wishes {unknown:.1f} dB")
    if short:
        raise ValueError("under the floor: " + ", ".join(short))


def check_lora(folder, path, kind, log=print):
    """Loads a LoRA into diffusers' pipeline and edits the photos; raises ValueError if the mean is under the floor."""
    edit = Editor(folder)
    edit.pipeline.load_lora_weights(str(path.parent), weight_name=path.name)
    images = [_photo(photo, 256) for photo in PHOTOS]
    prompts = [phrases[0] for phrases in LORA_HAND_WRITTEN[kind].values()]
    values = [
        _psnr(_tensor(edit([image], prompt)), exact_edit(kind, _tensor(image))) for image in images for prompt in prompts
    ]
    mean = sum(values) / len(values)
    log(f"{kind}: {mean:.1f} dB in diffusers ({', '.join(f'{value:.1f}' for value in values)})")
    if mean < LORA_FLOOR_DB:
        raise ValueError(f"under the floor: {kind} {mean:.1f} dB")
