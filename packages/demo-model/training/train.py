"""Trains the demo model from nothing: pictures, VAE, text encoder, transformer, checkpoint, and its quality gates.

    python train.py --work WORK [--out CHECKPOINT] [--threads N]

Each stage keeps its result in WORK and is skipped when it is there, so that a broken-off run goes on. Seeds are fixed
and every stage stops after a number of steps, never after a time.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or threads that wait take the cores from others

import torch

import checkpoint as checkpoint_stage
import gates
import held_out
import phrases
import text_encoder as text_stage
import tokenizer as tokenizer_stage
import train_transformer as transformer_stage
import vae as vae_stage
from pictures import make_pictures

HERE = pathlib.Path(__file__).resolve().parent
WORKERS = 2  # processes that train the transformer together
HELD_OUT = HERE.parents[2] / "test" / "fixtures" / "demo-model" / "held-out-prompts.json"


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def kept(path, make):
    """What `make` returns, from `path` if an earlier run left it there."""
    if path.exists():
        return torch.load(path, weights_only=False)
    started = time.time()
    value = make()
    partial = path.with_suffix(".part")
    torch.save(value, partial)
    partial.rename(path)
    say(f"{path.name}: {time.time() - started:.0f} s")
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for what the stages leave")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent, help="folder of the checkpoint")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="stop after this stage")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    vae_stage.use_single_frame_convolutions()

    pictures = kept(options.work / "pictures.pt", lambda: make_pictures(2560, 128, 1))
    if options.until == "pictures":
        return
    vae_state = kept(options.work / "vae.pt", lambda: vae_stage.train_vae(pictures, log=say).state_dict())
    if options.until == "vae":
        return
    words = kept(options.work / "tokenizer.pt", tokenizer_stage.train_tokenizer)
    tokenizer = tokenizer_stage.build_tokenizer(*words)
    text_encoder = text_stage.build_text_encoder(tokenizer)
    text_encoder.load_state_dict(
        kept(
            options.work / "text-encoder.pt",
            lambda: text_stage.train_text_encoder(tokenizer, pictures, log=say).state_dict(),
        )
    )
    kept(
        options.work / "embeddings.pt",
        lambda: text_stage.cache_embeddings(text_encoder, tokenizer, pictures, log=say),
    )
    if options.until == "text":
        return
    transformer_state = kept(
        options.work / "transformer.pt",
        lambda: transformer_stage.train_transformer(options.work, WORKERS, log=say),
    )
    if options.until == "transformer":
        return
    checkpoint_stage.write_checkpoint(options.out, *words, vae_state, text_encoder, transformer_state)
    HELD_OUT.write_text(
        json.dumps(
            {"kinds": phrases.HELD_OUT, "hand": held_out.HAND_WRITTEN, "unknown": held_out.UNKNOWN_HELD_OUT},
            ensure_ascii=False,
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    say(f"checkpoint written to {options.out}")
    if options.until == "checkpoint":
        return
    gates.check_gates(options.out, log=say)
    say("all gates passed")


STAGES = ["pictures", "vae", "text", "transformer", "checkpoint", "gates"]

if __name__ == "__main__":
    main()
