"""Seconds a block of diffusers' QwenImageTransformer2DModel at true width, random weights. Prints JSON.

usage: diffusers_blocks.py LAYERS THREADS ROUNDS SIDE TEXT_TOKENS DTYPE
"""
import json
import statistics
import sys
import time

import diffusers
import torch
from peer_memory import memory_use

layers, threads, rounds, side, text = (int(value) for value in sys.argv[1:6])
dtype = getattr(torch, sys.argv[6])
torch.set_num_threads(threads)
torch.manual_seed(0)
with torch.device("meta"):
    model = diffusers.QwenImageTransformer2DModel(num_layers=layers, zero_cond_t=True)
model = model.to(dtype).to_empty(device="cpu").eval()
# Rotary tables are plain tensors, which to_empty leaves on the meta device.
model.pos_embed = type(model.pos_embed)(theta=10000, axes_dim=[16, 56, 56], scale_rope=True)
for parameter in model.parameters():
    parameter.data.normal_(0, 0.02)

seconds, started = [], []
for block in model.transformer_blocks:
    block.register_forward_pre_hook(lambda *_: started.append(time.perf_counter()))
    block.register_forward_hook(lambda *_: seconds.append(time.perf_counter() - started[-1]))

inputs = dict(
    hidden_states=torch.randn(1, 2 * side * side, 64).to(dtype),
    encoder_hidden_states=torch.randn(1, text, 3584).to(dtype),
    timestep=torch.tensor([0.5]).to(dtype),
    img_shapes=[[(1, side, side), (1, side, side)]],
    return_dict=False,
)
around = []
with torch.inference_mode():
    for _ in range(rounds + 1):
        before, start = len(seconds), time.perf_counter()
        model(**inputs)
        around.append(time.perf_counter() - start - sum(seconds[before:]))
print(
    json.dumps(
        {
            "block_s": statistics.median(seconds[layers:]),
            "around_s": statistics.median(around[1:]),
            "memory": memory_use(),
        }
    )
)
