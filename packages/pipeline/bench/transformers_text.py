"""Seconds of transformers' Qwen2.5-VL at true width and reduced depth, random weights. Prints JSON.

usage: transformers_text.py LANGUAGE_LAYERS VISION_LAYERS THREADS ROUNDS TOKENS PATCHES_A_SIDE DTYPE
"""
import json
import statistics
import sys
import time

import torch
from peer_memory import memory_use
from transformers.models.qwen2_5_vl import configuration_qwen2_5_vl as configurations
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as models

layers, depth, threads, rounds, tokens, patches = (int(value) for value in sys.argv[1:7])
dtype = getattr(torch, sys.argv[7])
torch.set_num_threads(threads)
torch.manual_seed(0)
torch.set_default_dtype(dtype)
language = models.Qwen2_5_VLTextModel._from_config(
    configurations.Qwen2_5_VLTextConfig(
        vocab_size=2048,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=layers,
        num_attention_heads=28,
        num_key_value_heads=4,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        pad_token_id=None,
    ),
    attn_implementation="sdpa",
).eval()
vision = models.Qwen2_5_VisionTransformerPretrainedModel._from_config(
    configurations.Qwen2_5_VLVisionConfig(
        depth=depth,
        hidden_size=1280,
        intermediate_size=3420,
        num_heads=16,
        out_hidden_size=3584,
        patch_size=14,
        window_size=112,
        fullatt_block_indexes=list(range(7, depth, 8)),
    ),
    attn_implementation="sdpa",
).eval()

spans = []


def watch(layers_of):
    started = []
    for layer in layers_of:
        layer.register_forward_pre_hook(lambda *_: started.append(time.perf_counter()))
        layer.register_forward_hook(lambda *_: spans.append(time.perf_counter() - started[-1]))


watch(language.layers)
watch(vision.blocks)
embeds = torch.randn(1, tokens, 3584).to(dtype)
positions = torch.arange(tokens).expand(3, 1, tokens)
pixels = torch.randn(patches * patches, 3 * 2 * 14 * 14).to(dtype)
grid = torch.tensor([[1, patches, patches]])
times = {"vision_s": [], "vision_rest_s": [], "language_s": [], "language_rest_s": []}
with torch.inference_mode():
    for round_number in range(rounds + 1):
        calls = {
            "vision": lambda: vision(pixels, grid_thw=grid),
            "language": lambda: language(inputs_embeds=embeds, position_ids=positions, use_cache=False),
        }
        for name, call in calls.items():
            spans.clear()
            start = time.perf_counter()
            call()
            whole = time.perf_counter() - start
            if round_number > 0:
                times[f"{name}_s"].append(sum(spans))
                times[f"{name}_rest_s"].append(whole - sum(spans))
print(json.dumps({**{name: statistics.median(values) for name, values in times.items()}, "memory": memory_use()}))
