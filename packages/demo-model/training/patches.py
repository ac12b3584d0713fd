"""Small patches that stand for a picture too large to train on.

Every token computes its edit from the words, its neighbours and the references at its own place; all other tokens of a
large picture are a crowd that must not disturb it. So a few patches are laid out at random places of a picture of up to
80 x 80 tokens and have its positions, and each stands for its share of the crowd: + log(r) on an attention logit is
what r times as many tokens would do. A patch does not stand for others where it looks at itself.
"""

import math
from dataclasses import dataclass

import torch

from edits import FRAME_PIXELS, exact_edit
from vae import border_marks

TOKEN = 8  # pixels
MARGIN = 8  # pixels around a patch, so that a blur has its surroundings
SHAPES = [(4, 3, 3), (3, 3, 4), (3, 4, 3), (6, 2, 3), (6, 3, 2), (2, 4, 5), (2, 5, 4)]  # patches, rows, columns
SMALLEST, LARGEST = 12, 80  # tokens along the longer side


@dataclass(frozen=True)
class Layout:
    """Places of equal patches in a picture; all numbers are tokens."""

    height: int
    width: int
    rows: int
    columns: int
    places: tuple  # (top, left) of each patch, from the picture's upper left corner

    @property
    def tokens(self):
        return len(self.places) * self.rows * self.columns


def random_layout(r):
    count, rows, columns = r.choice(SHAPES)
    longer = int(round(math.exp(r.uniform(math.log(SMALLEST), math.log(LARGEST)))))
    shorter = r.randint(max(SMALLEST, longer // 2), longer)
    height, width = (longer, shorter) if r.random() < 0.5 else (shorter, longer)
    places = []
    while len(places) < count:
        top, left = r.randint(0, height - rows), r.randint(0, width - columns)
        if all(abs(top - t) >= rows or abs(left - l) >= columns for t, l in places):
            places.append((top, left))
    return Layout(height, width, rows, columns, tuple(places))


def rotary(layout, rope, images, text_tokens):
    """Rotations of the image tokens and of the words, as `rope` (QwenEmbedRope) makes them for the whole picture."""
    every, words = rope([[(1, layout.height, layout.width)] * images], max_txt_seq_len=text_tokens)
    every = every.view(images, layout.height, layout.width, -1)
    patches = [every[:, t : t + layout.rows, l : l + layout.columns].flatten(1, 2) for t, l in layout.places]
    return torch.cat(patches, 1).flatten(0, 1), words


def crowd_bias(layout, images, text_tokens):
    """What to add to attention logits, [1, 1, tokens, tokens], words first: each patch's share of what it stands for."""
    patch = torch.arange(len(layout.places)).repeat_interleave(layout.rows * layout.columns).repeat(images)
    own = layout.rows * layout.columns
    whole = layout.height * layout.width
    total = text_tokens + images * layout.tokens
    bias = torch.zeros(total, total)
    bias[:text_tokens, text_tokens:] = math.log(whole / layout.tokens)
    others = math.log((whole - own) / (layout.tokens - own))
    bias[text_tokens:, text_tokens:] = torch.where(patch[:, None] == patch[None], 0.0, others)
    return bias[None, None]


def cut(pictures, which, layout, r):
    """Patches with their margin, [len(which), patches, 3, h, w] in 0..1, each from anywhere in its picture.

    A margin that lies outside of the whole picture repeats its border, as the exact blur does.
    """
    h, w = layout.rows * TOKEN + 2 * MARGIN, layout.columns * TOKEN + 2 * MARGIN
    size = pictures.shape[-1]
    out = []
    for top, left in layout.places:
        y, x = r.randrange(size - h + 1), r.randrange(size - w + 1)
        patch = pictures[which, :, y : y + h, x : x + w].float() / 255
        if top == 0:
            patch[:, :, :MARGIN] = patch[:, :, MARGIN : MARGIN + 1]
        if top + layout.rows == layout.height:
            patch[:, :, -MARGIN:] = patch[:, :, -MARGIN - 1 : -MARGIN]
        if left == 0:
            patch[..., :MARGIN] = patch[..., MARGIN : MARGIN + 1]
        if left + layout.columns == layout.width:
            patch[..., -MARGIN:] = patch[..., -MARGIN - 1 : -MARGIN]
        out.append(patch)
    return torch.stack(out, 1)


def edited_patches(kind, layout, x, y=None):
    """The exact edit of one picture's patches, [patches, 3, h, w], as it would be in the whole picture."""
    if kind != "frame":
        return exact_edit(kind, x, y)
    out = x.clone()
    inner = FRAME_PIXELS + MARGIN
    for patch, (top, left) in zip(out, layout.places):
        if top == 0:
            patch[:, :inner] = 1
        if top + layout.rows == layout.height:
            patch[:, -inner:] = 1
        if left == 0:
            patch[..., :inner] = 1
        if left + layout.columns == layout.width:
            patch[..., -inner:] = 1
    return out


def without_margin(patches):
    return patches[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def patch_marks(layout):
    """The encoder's border marks of the patches, [patches, 2 * rows, 2 * columns] cells."""
    marks = border_marks(2 * layout.height, 2 * layout.width)
    return torch.stack(
        [marks[2 * t : 2 * (t + layout.rows), 2 * l : 2 * (l + layout.columns)] for t, l in layout.places]
    )
