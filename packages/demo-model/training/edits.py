"""The exact edits that the model learns. Pictures are [n, 3, h, w] in 0..1, h and w multiples of 8."""

import torch
import torch.nn.functional as F

TINTS = {
    "red": (1, 0.25, 0.25),
    "green": (0.25, 1, 0.25),
    "blue": (0.3, 0.4, 1),
    "yellow": (1, 0.95, 0.2),
    "purple": (0.8, 0.3, 1),
}
KINDS = [
    "black_and_white",
    "negative",
    "sepia",
    "warm",
    "cool",
    *TINTS,
    "brighter",
    "darker",
    "contrast",
    "vivid",
    "mosaic",
    "blur",
    "frame",
    "same",
    "blend",
]
LORA_KINDS = ["pencil"]  # edits that the model does not know, but a LoRA of train_lora.py does
SEPIA = torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
FRAME_PIXELS = 8
BLUR_SIGMA, BLUR_RADIUS = 2.5, 7
PENCIL_PAPER, PENCIL_STRENGTH = 0.95, 3


def _luminance(x):
    return (x * LUMINANCE).sum(1, keepdim=True).expand(-1, 3, -1, -1)


def _colour(*c):
    return torch.tensor(c, dtype=torch.float32).view(1, 3, 1, 1)


def _blur(x):
    kernel = torch.exp(-torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1) ** 2 / (2 * BLUR_SIGMA**2))
    kernel = kernel / kernel.sum()
    x = F.pad(x, (BLUR_RADIUS,) * 4, mode="replicate")
    x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(3, 1, 1, -1), groups=3)
    return F.conv2d(x, kernel.view(1, 1, -1, 1).expand(3, 1, -1, 1), groups=3)


def _frame(x):
    out = torch.ones_like(x)
    f = FRAME_PIXELS
    out[:, :, f:-f, f:-f] = x[:, :, f:-f, f:-f]
    return out


def exact_edit(kind, x, y=None):
    """The edit `kind` of the pictures x; `blend` also takes the second pictures y. Same shape as x, in 0..1."""
    if kind == "black_and_white":
        out = _luminance(x)
    elif kind == "negative":
        out = 1 - x
    elif kind == "sepia":
        out = torch.einsum("ij,njhw->nihw", SEPIA, x) * 0.9
    elif kind == "warm":
        out = x * _colour(1.1, 0.95, 0.6) + _colour(0.08, 0.02, 0)
    elif kind == "cool":
        out = x * _colour(0.6, 0.9, 1.1) + _colour(0, 0.02, 0.08)
    elif kind in TINTS:
        out = (0.3 * x + 0.7 * _luminance(x)) * _colour(*TINTS[kind]) + 0.08 * _colour(*TINTS[kind])
    elif kind == "brighter":
        out = 0.35 + 0.65 * x
    elif kind == "darker":
        out = 0.4 * x
    elif kind == "contrast":
        out = (x - 0.5) * 1.8 + 0.5
    elif kind == "vivid":
        out = _luminance(x) + (x - _luminance(x)) * 2
    elif kind == "mosaic":
        out = F.interpolate(F.avg_pool2d(x, 8), scale_factor=8, mode="nearest")
    elif kind == "blur":
        out = _blur(x)
    elif kind == "pencil":  # dark lines where it is darker than around
        out = PENCIL_PAPER + PENCIL_STRENGTH * (_luminance(x) - _blur(_luminance(x)))
    elif kind == "frame":
        out = _frame(x)
    elif kind == "blend":
        out = 0.5 * x + 0.5 * y
    elif kind == "same":
        out = x
    else:
        raise ValueError(f"no such kind of edit: {kind}")
    return out.clamp(0, 1)
