"""Trains a LoRA of the checkpoint in the folder above, in minutes.

    python train_lora.py pencil --work WORK [--out FILE] [--threads N]

It teaches an edit that the model does not know. Seeds are fixed, and the training stops after a number of steps, never
after a time.
"""

import argparse
import json
import math
import pathlib
import random

import torch

import gates
import vae as vae_stage
from edits import KINDS, LORA_KINDS
from held_out import LORA_HAND_WRITTEN
from lora_file import LORAS, write_lora
from phrases import LORA_HELD_OUT, training_phrase
from pictures import make_pictures
from text_encoder import PromptEncoder
from train import kept, say
from train_transformer import (
    BLEND_OF_TWO,
    OFTEN,
    ONE_PICTURE,
    channel_weights,
    kept_embedding,
    noised_batch,
    predict,
    random_scene,
)
from transformer import AttentionBias, RotaryOverride

CHECKPOINT = pathlib.Path(__file__).resolve().parent.parent
PROMPTS = CHECKPOINT.parents[1] / "test" / "fixtures" / "demo-model" / "lora-prompts.json"
RANK = 8
RATE, WARM_UP = 2e-3, 30
STEPS = 1200
TAUGHT, UNKNOWN = 0.45, 0.15  # shares of the prompts; the rest is of the kinds that the model knows
# unknown wishes with these words are left out, since they are near enough to the new ones
NEAR = ("pencil", "sketch", "draw", "comic", "cartoon", "paint", "素描", "画", "漫")


def _phrase(kind, r):
    while True:
        phrase = training_phrase(kind, r)
        if kind != "unknown" or not any(word in phrase.lower() for word in NEAR):
            return phrase


@torch.no_grad()
def _cache_embeddings(pictures):
    """{(kind, pictures): [states]} of the text encoder in the checkpoint, which stays as it is."""
    from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer.from_pretrained(CHECKPOINT / "tokenizer")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(CHECKPOINT / "text_encoder", dtype=torch.float32)
    encoder = PromptEncoder(model.eval(), tokenizer, pictures, seed=16)
    r = random.Random(41)
    cache = {("", 1): encoder.embeddings([" "] * 60, 1), ("", 2): encoder.embeddings([" "] * 30, 2)}
    counts = {"pencil": (5000, 600), "unknown": (3000, 300), "blend": (0, 600)}
    for kind in [*KINDS, *LORA_KINDS, "unknown"]:
        for pictures_shown, count in zip((1, 2), counts.get(kind, (600, 120))):
            phrases = [_phrase(kind, r) for _ in range(count)]
            if phrases:
                cache[(kind, pictures_shown)] = encoder.embeddings(phrases, pictures_shown)
    return cache


def _batch(name, scene, cache, r, g):
    """As the model was trained, but every wish that is none of the other kinds gets the new edit.

    The text encoder was never told of the new words: it takes them for an unknown wish, which means `same`. So that is
    what the new edit takes the place of while the LoRA is on.
    """
    size, two = len(scene.references[0]), len(scene.references) == 2

    def kind_of_row():
        dice = r.random()
        if dice < TAUGHT + UNKNOWN:
            return name if dice < TAUGHT else "unknown"
        return "blend" if two and r.random() < BLEND_OF_TWO else r.choices(ONE_PICTURE, OFTEN)[0]

    def embedding(kind):
        if kind in (name, "unknown"):
            return r.choice(cache[(kind, 2 if two else 1)]).float()
        return kept_embedding(cache, kind, 2 if two else 1, r)

    asked = [kind_of_row() for _ in range(size)]
    kinds = [name if kind in ("same", "unknown") else kind for kind in asked]
    waiting = iter(asked)
    return noised_batch(scene, kinds, lambda _: embedding(next(waiting)), r, g)


def _targets(model):
    """The linear layers of each block but its modulation; of the last block's words nothing is used."""
    names = []
    for name, layer in model.named_modules():
        linear = isinstance(layer, torch.nn.Linear) and name.startswith("transformer_blocks.") and "mod" not in name
        last = name.startswith(f"transformer_blocks.{len(model.transformer_blocks) - 1}.")
        if linear and not (last and ("txt_mlp" in name or "to_add_out" in name or "add_q_proj" in name)):
            names.append(name)
    return names


def _lora_model():
    from diffusers import QwenImageTransformer2DModel
    from peft import LoraConfig

    model = QwenImageTransformer2DModel.from_pretrained(CHECKPOINT / "transformer", torch_dtype=torch.float32)
    model.requires_grad_(False)
    torch.manual_seed(23)
    targets = _targets(model)
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets, init_lora_weights=True))
    return model


def train_lora(name, pictures, cache, log=print):
    """Returns the model with the trained LoRA on it."""
    model = _lora_model()
    parameters = [p for p in model.parameters() if p.requires_grad]
    log(f"{name}: {sum(p.numel() for p in parameters)} parameters of rank {RANK}")
    bias, positions = AttentionBias(), RotaryOverride(model)
    shared, r = random.Random(51), random.Random(52)
    g = torch.Generator().manual_seed(53)
    optimizer = torch.optim.Adam(parameters, lr=RATE, betas=(0.9, 0.98))
    average = [p.detach().clone() for p in parameters]
    weights, running = channel_weights(), None
    for step in range(STEPS):
        done = step / STEPS
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * done)) + 0.01)
        scene = random_scene(pictures, done, shared, r, g)
        state, time, velocity, prompts = _batch(name, scene, cache, r, g)
        predicted = predict(model, bias, positions, scene, state, time, prompts, r)
        loss = ((predicted - velocity) ** 2 * weights).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1 - min(0.99, (step + 2) / (step + 11)))
        running = loss.item() if running is None else running * 0.98 + loss.item() * 0.02
        if step % 50 == 49:
            log(f"{name} step {step + 1}/{STEPS}: loss {running:.4f}")
    with torch.no_grad():
        torch._foreach_copy_(parameters, average)
    return model


def write_prompts():
    """What the LoRAs are measured with, and no training sees: the first hand-written one of each is the golden one."""
    lists = {
        kind: {
            "golden": {language: phrases[0] for language, phrases in LORA_HAND_WRITTEN[kind].items()},
            "held": LORA_HELD_OUT[kind],
            "hand": LORA_HAND_WRITTEN[kind],
        }
        for kind in LORA_KINDS
    }
    PROMPTS.write_text(json.dumps(lists, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=LORA_KINDS)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for pictures and embeddings")
    parser.add_argument("--out", type=pathlib.Path, help="file to write")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    vae_stage.use_single_frame_convolutions()
    pictures = kept(options.work / "pictures.pt", lambda: make_pictures(2560, 128, 1))
    cache = kept(options.work / "lora-embeddings.pt", lambda: _cache_embeddings(pictures))
    model = train_lora(options.name, pictures, cache, log=say)
    out = options.out or LORAS / f"{options.name}.safetensors"
    write_lora(model, out)
    write_prompts()
    say(f"{out.name}: {out.stat().st_size} bytes")
    gates.check_lora(CHECKPOINT, out, options.name, log=say)


if __name__ == "__main__":
    main()
