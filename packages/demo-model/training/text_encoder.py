"""The text encoder: trained to tell the kinds apart, frozen, and its embeddings kept for the transformer's training.

The last five hidden states ("<|im_end|>\\n<|im_start|>assistant\\n", which see the whole prompt) are pulled to a fixed
direction for each kind, so that there is little left to read for the transformer. A linear head on the mean of all
states is trained with it and thrown away. The vision tower stays random: no kind depends on what is in the picture.
Positions are the real mRoPE ones throughout.
"""

import math
import random

import torch
import torch.nn.functional as F

from edits import KINDS
from held_out import HAND_WRITTEN, UNKNOWN_HELD_OUT
from muon import Muon
from phrases import HELD_OUT, training_phrase
from tokenizer import TEMPLATE, TEMPLATE_START_TOKENS, VOCABULARY

WIDTH = 128
LAYERS = 3
STEPS, BATCH, NOISE = 4000, 64, 0.02
LAST = 5
READ = KINDS + [""]  # what the last states tell apart; "" is the prompt " ", as the guide's negative prompt
SHARPNESS = 10  # of the softmax over cosines
CONDITION_SIZES = [(96, 96)] * 6 + [(64, 128), (128, 64), (64, 64)]  # what 96 x 96 pixels become at usual ratios
OFTEN = ["warm", "cool", "brighter", "darker"] * 2 + ["black_and_white"]  # hard to tell: "too cold" asks for warm
UNKNOWN_SHARE = 7  # times as often as one kind


def build_text_encoder(tokenizer, seed=0):
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in tokenizer.all_special_tokens}
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": VOCABULARY,
            "rope_scaling": {"mrope_section": [4, 6, 6], "rope_type": "default", "type": "default"},
            "rope_theta": 1000000.0,
            "max_position_embeddings": 4096,
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [1],
            "window_size": 112,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config).eval()
    g = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "embed_tokens" in name:
                p.copy_(torch.randn(p.shape, generator=g) * 0.3)
            elif p.dim() == 2 and "language_model" in name:
                p.copy_(torch.randn(p.shape, generator=g) * 0.06)
    return model


def build_image_processor():
    from transformers import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor(
        patch_size=14, temporal_patch_size=2, merge_size=2, min_pixels=3136, max_pixels=12845056
    )


class PromptEncoder:
    """Batches of prompts with condition pictures -> hidden states, as the pipeline computes them one by one."""

    def __init__(self, model, tokenizer, pictures, seed=5, features=300):
        self.model, self.tokenizer = model, tokenizer
        self.random = random.Random(seed)
        self.pad = tokenizer.convert_tokens_to_ids("<|endoftext|>")
        self.image = model.config.image_token_id
        self.features = self._picture_features(pictures, features)

    @torch.no_grad()
    def _picture_features(self, pictures, n):
        from PIL import Image

        processor = build_image_processor()
        out = []
        for _ in range(n):
            h, w = self.random.choice(CONDITION_SIZES)
            picture = pictures[self.random.randrange(len(pictures)), :, :h, :w]
            image = Image.fromarray(picture.permute(1, 2, 0).numpy())
            seen = processor(images=[image], return_tensors="pt")
            tower = self.model.model.visual
            features = tower(seen["pixel_values"], grid_thw=seen["image_grid_thw"], return_dict=True).pooler_output
            features = features if torch.is_tensor(features) else torch.cat(list(features))
            out.append((features, seen["image_grid_thw"][0]))
        return out

    def __call__(self, phrases, picture_counts, noise=0.0):
        """Hidden states [B, L, WIDTH] and mask [B, L] of what follows the template's start.

        `noise` is the share of prompt tokens replaced by random ones.
        """
        ids, grids, features = [], [], []
        for phrase, count in zip(phrases, picture_counts):
            seen = [self.random.choice(self.features) for _ in range(count)]
            grids += [grid for _, grid in seen]
            features += [f for f, _ in seen]
            pictures = "".join(
                f"Picture {i + 1}: <|vision_start|>" + "<|image_pad|>" * len(f) + "<|vision_end|>"
                for i, (f, _) in enumerate(seen)
            )
            tokens = self.tokenizer(TEMPLATE.format(pictures + phrase))["input_ids"]
            if noise:
                start = TEMPLATE_START_TOKENS + len(self.tokenizer(pictures)["input_ids"])
                prompt = tokens[start:-LAST]
                if len(prompt) > 2:
                    prompt = [self.random.randrange(1900) if self.random.random() < noise else t for t in prompt]
                tokens = tokens[:start] + prompt + tokens[-LAST:]
            ids.append(tokens)
        length = max(map(len, ids))
        x = torch.full((len(ids), length), self.pad)
        mask = torch.zeros(len(ids), length, dtype=torch.long)
        for i, tokens in enumerate(ids):
            x[i, : len(tokens)] = torch.tensor(tokens)
            mask[i, : len(tokens)] = 1
        images = x == self.image
        position, _ = self.model.model.get_rope_index(
            x, images.int(), image_grid_thw=torch.stack(grids), attention_mask=mask
        )
        embedded = self.model.get_input_embeddings()(x)
        embedded = embedded.masked_scatter(images[..., None].expand_as(embedded), torch.cat(features))
        start = self._template_start(embedded, position, len(ids))
        hidden = self.model.model.language_model(
            inputs_embeds=embedded[:, TEMPLATE_START_TOKENS:],
            position_ids=position[:, :, TEMPLATE_START_TOKENS:],
            attention_mask=mask,
            past_key_values=start,
        ).last_hidden_state
        return hidden, mask[:, TEMPLATE_START_TOKENS:]

    def _template_start(self, embedded, position, batch):
        """Keys and values of the template's start, which are the same in each row, computed once."""
        cache = self.model.model.language_model(
            inputs_embeds=embedded[:1, :TEMPLATE_START_TOKENS],
            position_ids=position[:, :1, :TEMPLATE_START_TOKENS],
            use_cache=True,
        ).past_key_values
        cache.batch_repeat_interleave(batch)
        return cache

    @torch.no_grad()
    def embeddings(self, phrases, count, batch=64):
        """One tensor [tokens, WIDTH] a phrase, without the template's start, in half precision."""
        out = []
        order = sorted(range(len(phrases)), key=lambda i: len(phrases[i]))
        for i in range(0, len(order), batch):
            part = order[i : i + batch]
            hidden, mask = self([phrases[j] for j in part], [count] * len(part))
            out += [hidden[k, : int(mask[k].sum())].half() for k in range(len(part))]
        return [e for _, e in sorted(zip(order, out), key=lambda pair: pair[0])]


def _directions():
    """What the last states of each of READ are pulled to: orthogonal, [len(READ), WIDTH], each of unit mean square."""
    g = torch.Generator().manual_seed(17)
    return torch.linalg.qr(torch.randn(WIDTH, len(READ), generator=g))[0].T * math.sqrt(WIDTH)


def _read(states, directions):
    """Logits over READ of last states [..., LAST, WIDTH]."""
    return SHARPNESS * F.normalize(states.mean(-2), dim=-1) @ F.normalize(directions, dim=-1).T


def _last(hidden, mask):
    index = mask.sum(1, keepdim=True) - LAST + torch.arange(LAST)[None]
    return hidden.gather(1, index[..., None].expand(-1, -1, hidden.shape[-1]))


def _reading_rates(encoder, directions):
    """Share of the held-out phrases whose last states are nearest to the right direction."""
    rates, misread = {}, []

    def read(group, kind, phrases):
        count = 2 if kind == "blend" else 1
        for phrase, e in zip(phrases, encoder.embeddings(phrases, count)):
            guess = READ[int(_read(e[-LAST:].float(), directions).argmax())]
            rates.setdefault(group, []).append(guess == kind)
            if guess != kind:
                misread.append(f"{phrase} [{kind} -> {guess}]")

    for kind in KINDS:
        for language in ("en", "zh"):
            read(f"frames {language}", kind, HELD_OUT[kind][language][:100])
            rates[f"{kind} {language}"] = rates[f"frames {language}"][-100:]
            read(f"hand {language}", kind, HAND_WRITTEN[kind][language])
    for language in ("en", "zh"):
        read(f"unknown {language}", "same", UNKNOWN_HELD_OUT[language])
    return {group: f"{100 * sum(v) / len(v):.1f} % of {len(v)}" for group, v in rates.items()}, misread


def train_text_encoder(tokenizer, pictures, steps=STEPS, batch=BATCH, log=print):
    torch.manual_seed(3)
    model = build_text_encoder(tokenizer)
    encoder = PromptEncoder(model, tokenizer, pictures)
    r = random.Random(9)
    for p in model.parameters():
        p.requires_grad_(False)
    head, directions = torch.nn.Linear(WIDTH, len(READ)), _directions()
    trained = [(name, p) for name, p in model.named_parameters() if "visual" not in name and "lm_head" not in name]
    trained += head.named_parameters()
    parameters = [p.requires_grad_(True) for _, p in trained]
    optimizer = Muon(trained, lambda name: "layers" in name, adam_rate=2e-3, muon_rate=0.02)
    names = READ + OFTEN + ["unknown"] * UNKNOWN_SHARE
    for step in range(steps):
        kinds = [r.choice(names) for _ in range(batch)]
        labels = torch.tensor([READ.index("same" if kind == "unknown" else kind) for kind in kinds])
        counts = [2 if kind == "blend" or r.random() < 0.12 else 1 for kind in kinds]
        phrases = [training_phrase(kind, r) if kind else " " for kind in kinds]
        hidden, mask = encoder(phrases, counts, noise=NOISE)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        last = _last(hidden, mask)
        logits = _read(last, directions)
        distance = (last - directions[labels][:, None]).square().mean()
        loss = F.cross_entropy(head(mean), labels) + F.cross_entropy(logits, labels) + distance
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(min(1, (step + 1) / 40) * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01))
        if step % 100 == 99:
            right = (logits.argmax(1) == labels).float().mean()
            log(f"text encoder step {step + 1}/{steps}: distance {distance.item():.3f}, {100 * right:.0f} % right")
    for p in model.parameters():
        p.requires_grad_(False)
    rates, misread = _reading_rates(encoder, directions)
    log(f"held-out phrases read: {rates}")
    log("misread: " + "; ".join(misread[:90]))
    return model


@torch.no_grad()
def cache_embeddings(model, tokenizer, pictures, one=2000, two=400, unknown=3500, log=print):
    """{(kind, pictures): [embedding]}; kind "" is the prompt " ", as the guide's negative prompt."""
    encoder = PromptEncoder(model, tokenizer, pictures, seed=6)
    r = random.Random(31)
    cache = {}

    def add(kind, count, phrases):
        cache[(kind, count)] = encoder.embeddings(phrases, count)

    def distinct(kind, n):
        found = {}
        while len(found) < n:
            found[training_phrase(kind, r)] = None
        return list(found)

    add("", 1, [" "] * 60)
    add("", 2, [" "] * 30)
    for kind in KINDS + ["unknown"]:
        if kind != "blend":
            add(kind, 1, distinct(kind, unknown if kind == "unknown" else one))
        add(kind, 2, distinct(kind, one if kind == "blend" else two))
    log(f"{sum(map(len, cache.values()))} embeddings kept")
    return cache
