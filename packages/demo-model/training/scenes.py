"""Training pictures of one batch, their references and exact edits as latents: whole small pictures, or patches."""

from dataclasses import dataclass
from typing import Callable

import torch

import patches
from edits import exact_edit
from transformer import pack
from vae import BORDER, STD, encode

TOKEN = 8  # pixels


@dataclass(frozen=True)
class Scene:
    """Latents are [size, tokens, 64]."""

    references: list
    edited: Callable  # kinds, one a row -> latents of their exact edits
    grid: tuple  # tokens in height and width, for the model's img_shapes
    layout: patches.Layout | None = None  # where the tokens lie, if not in a picture of their own


def _latents(x, marks=None):
    z = encode(x * 2 - 1)
    if marks is not None:
        z[:, BORDER] = marks
    return pack(z / torch.tensor(STD).view(1, -1, 1, 1))


def _varied(x, r, g):
    """Pictures [size, ..., 3, h, w], some mirrored, with other colours, or with another exposure."""
    size = len(x)
    if r.random() < 0.5:
        x = x.flip(-1)
    if r.random() < 0.3:
        x = x[..., torch.randperm(3, generator=g), :, :]
    each = (size,) + (1,) * (x.dim() - 1)
    exposed = (torch.rand(size, generator=g) < 0.25).view(each)
    gain = 0.6 + torch.rand(size, generator=g).view(each)
    lift = torch.rand(size, generator=g).view(each) * 0.5 - 0.2
    return torch.where(exposed, (x * gain + lift).clamp(0, 1), x)


def whole_scene(pictures, grid, size, two, r, g):
    h, w = grid[0] * TOKEN, grid[1] * TOKEN
    side = pictures.shape[-1]
    which = torch.randint(len(pictures), (size,), generator=g)
    top, left = r.randrange(side - h + 1), r.randrange(side - w + 1)
    x = _varied(pictures[which, :, top : top + h, left : left + w].float() / 255, r, g)
    y = pictures[which.roll(1), :, side - top - h : side - top, side - left - w : side - left].float() / 255

    def edited(kinds):
        return _latents(torch.cat([exact_edit(k, x[i : i + 1], y[i : i + 1]) for i, k in enumerate(kinds)]))

    return Scene([_latents(x)] + ([_latents(y)] if two else []), edited, grid)


def patch_scene(pictures, layout, size, two, r, g):
    which = torch.randint(len(pictures), (size,), generator=g)
    x = _varied(patches.cut(pictures, which, layout, r), r, g)
    y = patches.cut(pictures, which.roll(1), layout, r)
    count = len(layout.places)
    marks = patches.patch_marks(layout).repeat(size, 1, 1)

    def latents(rows):
        inner = patches.without_margin(rows).flatten(0, 1)
        return _latents(inner, marks).view(size, layout.tokens, -1)

    def edited(kinds):
        return latents(torch.stack([patches.edited_patches(k, layout, x[i], y[i]) for i, k in enumerate(kinds)]))

    grid = (count * layout.rows, layout.columns)
    return Scene([latents(x)] + ([latents(y)] if two else []), edited, grid, layout)
