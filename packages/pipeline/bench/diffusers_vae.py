"""Seconds of diffusers' AutoencoderKLQwenImage for one square picture, random weights. Prints JSON.

usage: diffusers_vae.py encode|decode SIDE THREADS ROUNDS DTYPE
"""
import json
import statistics
import sys
import time

import diffusers
import torch
from peer_memory import memory_use

direction = sys.argv[1]
side, threads, rounds = (int(value) for value in sys.argv[2:5])
dtype = getattr(torch, sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = diffusers.AutoencoderKLQwenImage().to(dtype).eval()
shape = (1, 3, 1, side, side) if direction == "encode" else (1, 16, 1, side // 8, side // 8)
values = torch.randn(shape).to(dtype)
run = model.encode if direction == "encode" else model.decode
seconds = []
with torch.inference_mode():
    for _ in range(rounds + 1):
        start = time.perf_counter()
        run(values)
        seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": statistics.median(seconds[1:] or seconds), "memory": memory_use()}))
