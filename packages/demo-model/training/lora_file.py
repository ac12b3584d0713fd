"""Writes a LoRA as diffusers does, in bf16."""

import pathlib

import torch

LORAS = pathlib.Path(__file__).resolve().parent.parent / "loras"


def write_lora(model, path):
    """Keys as `transformer.transformer_blocks.0.attn.to_q.lora_A.weight`; alpha is the rank, so there is none in the file."""
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = get_peft_model_state_dict(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"transformer.{key}": value.to(torch.bfloat16).contiguous() for key, value in sorted(state.items())}
    save_file(tensors, str(path), metadata={"format": "pt"})
    path.chmod(0o644)
