"""A byte-level BPE tokenizer in Qwen2's format, learned from the phrases."""

import re
import random

from edits import KINDS
from phrases import training_phrase

TEMPLATE = (
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, "
    "background), then explain how the user's text instruction should alter or modify the image. Generate a new image "
    "that meets the user's requirements while maintaining consistency with the original input where "
    "appropriate.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
TEMPLATE_START_TOKENS = 64  # the pipeline drops as many embeddings, whatever the tokenizer
SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
VOCABULARY = 2048


def _corpus():
    """The template often enough to become whole words; words alone in lower case; Chinese one character a line,
    so that no token spans characters (a whole clause as one token could not be read in a new sentence)."""
    r = random.Random(0)
    phrases = [training_phrase(kind, r) for kind in KINDS + ["unknown"] * 4 for _ in range(500)]
    words = sorted({w.lower() for p in phrases for w in re.findall(r"[A-Za-z]+", p) if not w.isupper()})
    characters = sorted({c for p in phrases for c in p if c >= "\u4e00"})
    template = re.sub(r"<\|[^|]*\|>", "", TEMPLATE)
    return (
        [template] * 4000
        + ["Picture 1: Picture 2: Picture 3: "] * 500
        + [re.sub(r"([\u4e00-\u9fff])", r"\n\1\n", p) for p in phrases]
        + [form for w in words for form in (w, " " + w)] * 6
        + characters * 40
    )


def train_tokenizer():
    """(vocabulary, merges), as Qwen2Tokenizer takes them."""
    import json

    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    return model["vocab"], merges


def build_tokenizer(vocabulary, merges):
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=None,
        bos_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    tokenizer.add_special_tokens({"extra_special_tokens": SPECIAL})
    start = len(tokenizer(TEMPLATE.split("{}")[0])["input_ids"])
    if start != TEMPLATE_START_TOKENS:
        raise ValueError(f"the template starts with {start} tokens instead of {TEMPLATE_START_TOKENS}")
    return tokenizer
