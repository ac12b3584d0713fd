"""Seconds a block of diffusers' QwenImageTransformer2DModel at true width, random weights. Prints JSON.

usage: diffusers_blocks.py LAYERS THREADS ROUNDS TARGET_ROWS TARGET_COLUMNS TEXT_TOKENS DTYPE
"""
import json
import statistics
import sys
import time

import diffusers
import torch

layers, threads, rounds, rows, columns, text = (int(value) for value in sys.argv[1:7])
dtype = getattr(torch, sys.argv[7])
torch.set_num_threads(threads)
torch.manual_seed(0)
with torch.device("meta"):
    model = diffusers.QwenImageTransformer2DModel(num_layers=layers, zero_cond_t=True)
model = model.to_empty(device="cpu").to(dtype).eval()
# Rotary tables are plain tensors, which to_empty leaves on the meta device.
model.pos_embed = type(model.pos_embed)(theta=10000, axes_dim=[16, 56, 56], scale_rope=True)
for parameter in model.parameters():
    parameter.data = (torch.randn(parameter.shape) * 0.02).to(dtype)

seconds, started = [], []
for block in model.transformer_blocks:
    block.register_forward_pre_hook(lambda *_: started.append(time.perf_counter()))
    block.register_forward_hook(lambda *_: seconds.append(time.perf_counter() - started[-1]))

tokens = rows * columns
inputs = dict(
    hidden_states=torch.randn(1, 2 * tokens, 64).to(dtype),
    encoder_hidden_states=torch.randn(1, text, 3584).to(dtype),
    timestep=torch.tensor([0.5]).to(dtype),
    img_shapes=[[(1, rows, columns), (1, rows, columns)]],
    return_dict=False,
)
with torch.inference_mode():
    for _ in range(rounds + 1):
        model(**inputs)
measured = seconds[layers:]
print(json.dumps({"block_s": statistics.median(measured), "best_s": min(measured), "torch": torch.__version__, "diffusers": diffusers.__version__}))
