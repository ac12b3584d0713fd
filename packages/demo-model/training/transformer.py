"""The transformer, and how it starts: some heads are set to copy from the reference, so that edits are all it learns."""

import math

import torch

WIDTH, LAYERS, HEADS, HEAD_WIDTH = 128, 5, 4, 32
ROPE_AXES = (8, 12, 12)
# layer -> head -> the reference (1st or 2nd) that it copies from
COPY_HEADS = {0: {0: 1, 1: 1}, 1: {0: 1, 1: 1, 2: 2}, 2: {0: 1, 1: 1, 2: 2}, 3: {0: 1, 2: 2}}


def _copy_amplitudes():
    """Rope pair -> amplitude: a query built of these meets the key at the same height and width best."""
    half_frame, half_height = ROPE_AXES[0] // 2, ROPE_AXES[1] // 2
    squares = {0: 0.25}
    for start in (half_frame, half_frame + half_height):
        squares |= {start: 0.25, start + 1: 0.10, start + 2: 0.05}
    return {pair: math.sqrt(s) for pair, s in squares.items()}


def _set_copy_heads(model):
    amplitudes = _copy_amplitudes()
    total = math.sqrt(sum(a * a for a in amplitudes.values()))
    loud = [i for pair in amplitudes for i in (2 * pair, 2 * pair + 1)]
    for layer, heads in COPY_HEADS.items():
        attention = model.transformer_blocks[layer].attn
        attention.norm_q.weight[loud] = 4.0
        attention.norm_k.weight[loud] = 4.0
        for head, frame in heads.items():
            rows = slice(head * HEAD_WIDTH, (head + 1) * HEAD_WIDTH)
            for linear, phase in ((attention.to_q, frame), (attention.to_k, 0)):
                linear.weight[rows] *= 0.05
                linear.bias[rows] = 0
                for pair, amplitude in amplitudes.items():
                    value = amplitude / total * math.sqrt(HEAD_WIDTH) * 0.7
                    turn = phase if pair == 0 else 0
                    linear.bias[head * HEAD_WIDTH + 2 * pair] = value * math.cos(turn)
                    linear.bias[head * HEAD_WIDTH + 2 * pair + 1] = value * math.sin(turn)
        for head in range(HEADS):  # the loud norm weights are shared by all heads: mute them where nothing is copied
            rows = [head * HEAD_WIDTH + i for i in loud]
            free = () if head in heads else (attention.to_q, attention.to_k)
            for linear in (attention.add_q_proj, attention.add_k_proj, *free):
                linear.weight[rows] *= 0.1
                linear.bias[rows] *= 0.1
        last = slice((HEADS - 1) * HEAD_WIDTH + 4, (HEADS - 1) * HEAD_WIDTH + 8)  # starts as a reader of the text
        attention.to_q.bias[last] = 1.5
        attention.add_k_proj.bias[last] = 1.5
        attention.to_k.bias[last] = -1.5


def build_transformer(text_width, seed=0):
    from diffusers import QwenImageTransformer2DModel

    torch.manual_seed(seed)
    model = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=64,
        out_channels=16,
        num_layers=LAYERS,
        attention_head_dim=HEAD_WIDTH,
        num_attention_heads=HEADS,
        joint_attention_dim=text_width,
        guidance_embeds=False,
        axes_dims_rope=ROPE_AXES,
        zero_cond_t=True,
    )
    with torch.no_grad():
        for block in model.transformer_blocks:
            for modulation in (block.img_mod[1], block.txt_mod[1]):
                modulation.weight.mul_(0.2)
                modulation.bias.zero_()
                for gate in (2, 5):
                    modulation.bias[gate * WIDTH : (gate + 1) * WIDTH] = 0.7
        model.proj_out.weight.mul_(0.5)
        _set_copy_heads(model)
    return model


class AttentionBias:
    """Adds `value`, [1, 1, queries or 1, keys], to the attention logits of all heads while it is set.

    + log(r) is what r times as many tokens would do.
    """

    def __init__(self):
        from diffusers.models.transformers import transformer_qwenimage as module

        self.value = None
        attend = module.dispatch_attention_fn

        def biased(q, k, v, attn_mask=None, **rest):
            if self.value is not None:
                attn_mask = self.value if attn_mask is None else self.value.masked_fill(~attn_mask, -1e9)
            return attend(q, k, v, attn_mask=attn_mask, **rest)

        module.dispatch_attention_fn = biased


class RotaryOverride:
    """Gives the transformer the rotations `value`, (of image tokens, of words), while it is set."""

    def __init__(self, model):
        self.value = None
        usual = model.pos_embed.forward
        model.pos_embed.forward = lambda *args, **rest: usual(*args, **rest) if self.value is None else self.value


def pack(z):
    n, c, h, w = z.shape
    return z.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(n, h * w // 4, c * 4)


def unpack(tokens, h, w):
    n, _, c = tokens.shape
    return tokens.view(n, h // 2, w // 2, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(n, c // 4, h, w)


def pad_embeddings(embeddings):
    """Embeddings of several lengths -> [B, L, width] and the mask of what is real, or None where all is."""
    length = max(len(e) for e in embeddings)
    out = torch.zeros(len(embeddings), length, embeddings[0].shape[1])
    mask = torch.zeros(len(embeddings), length, dtype=torch.bool)
    for i, e in enumerate(embeddings):
        out[i, : len(e)] = e
        mask[i, : len(e)] = True
    return out, (None if mask.all() else mask)
