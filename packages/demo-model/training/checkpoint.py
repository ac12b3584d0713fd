"""Puts the parts together as a checkpoint folder in bf16, and runs one in diffusers."""

import json
import pathlib
import shutil

import torch

import text_encoder as text_stage
import tokenizer as tokenizer_stage
from transformer import build_transformer
from vae import build_vae

OUTPUT_PIXELS = 256 * 256
CONDITION_PIXELS = 96 * 96
LN_3 = 1.0986122886681098  # the shift of Qwen-Image-Edit-2511-Lightning
FAST = {
    "name": "fast",
    "title": {"en": "Fast", "zh": "快速"},
    "description": {
        "en": "Two steps instead of six, with the schedule of Lightning.",
        "zh": "只用两步（而非六步），采用 Lightning 的调度。",
    },
    "num_inference_steps": 2,
    "true_cfg_scale": 1.0,
    "schedule": {"base_shift": LN_3, "max_shift": LN_3, "shift_terminal": None},
}
LORAS = {
    "pencil": {
        "path": "loras/pencil.safetensors",
        "title": {"en": "Pencil drawings", "zh": "铅笔画"},
        "description": {
            "en": "One more kind of edit: a pencil drawing of the picture.",
            "zh": "多一种编辑：把图片画成铅笔画。",
        },
    },
}
EDIT_CONFIG = {
    "vae_image_size": OUTPUT_PIXELS,
    "reference_size": "output",
    "condition_image_size": CONDITION_PIXELS,
    "num_inference_steps": 6,
    "true_cfg_scale": 1.0,
    "demo": True,
    "presets": [FAST],
    "loras": LORAS,
}


def _with_mrope(pipeline):
    """diffusers 0.42.1 does not say which tokens are of pictures, and transformers 5 then falls back to plain positions
    (huggingface/diffusers#14194)."""
    encoder = pipeline.text_encoder
    forward, image = encoder.forward, encoder.config.image_token_id

    def with_types(input_ids=None, **rest):
        return forward(input_ids=input_ids, mm_token_type_ids=(input_ids == image).int(), **rest)

    encoder.forward = with_types
    return pipeline


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checkpoint(out, vocabulary, merges, vae_state, text_encoder, transformer_state):
    """Writes the folder; files of `out` that are no part of a checkpoint stay."""
    from diffusers import FlowMatchEulerDiscreteScheduler, QwenImageEditPlusPipeline
    from transformers import Qwen2VLProcessor, Qwen2VLVideoProcessor

    tokenizer = tokenizer_stage.build_tokenizer(vocabulary, merges)
    vae = build_vae()
    vae.load_state_dict(vae_state)
    transformer = build_transformer(text_stage.WIDTH)
    transformer.load_state_dict(transformer_state)
    pipeline = QwenImageEditPlusPipeline(
        transformer=transformer,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        processor=Qwen2VLProcessor(
            image_processor=text_stage.build_image_processor(),
            tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor(),
            chat_template="{% for message in messages %}{{ message['content'] }}{% endfor %}",
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_image_seq_len=256,
            base_shift=0.5,
            max_image_seq_len=8192,
            max_shift=0.9,
            num_train_timesteps=1000,
            shift=1.0,
            shift_terminal=0.02,
            time_shift_type="exponential",
            use_dynamic_shifting=True,
        ),
    )
    for part in ("processor", "scheduler", "text_encoder", "tokenizer", "transformer", "vae"):
        shutil.rmtree(out / part, ignore_errors=True)
    pipeline.to(torch.bfloat16)
    pipeline.save_pretrained(out, safe_serialization=True)
    configs = [out / part / "config.json" for part in ("vae", "transformer", "text_encoder")]
    for path in [*configs, out / "model_index.json"]:
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("_name_or_path", None)
        _write_json(path, config)
    _write_json(out / "tokenizer" / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (out / "tokenizer" / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(out / "edit_config.json", EDIT_CONFIG)


class Editor:
    """The checkpoint in diffusers' own pipeline, in fp32."""

    def __init__(self, folder: pathlib.Path):
        from diffusers import QwenImageEditPlusPipeline
        from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

        self.module = module
        module.CONDITION_IMAGE_SIZE = CONDITION_PIXELS
        self.pipeline = _with_mrope(QwenImageEditPlusPipeline.from_pretrained(folder, torch_dtype=torch.float32))
        self.pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def __call__(self, images, prompt, steps=EDIT_CONFIG["num_inference_steps"], scale=1.0, seed=0):
        """Edits PIL images; the result is as large as the last of them."""
        width, height = images[-1].size
        self.module.VAE_IMAGE_SIZE = width * height
        return self.pipeline(
            image=images,
            prompt=prompt,
            negative_prompt=" " if scale > 1 else None,
            true_cfg_scale=scale,
            num_inference_steps=steps,
            height=height,
            width=width,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
