"""Made-up pictures that have the statistics of photos: dead leaves, 1/f noise and gradients. No photo is trained on.

The dead-leaves model is that of Lee, Mumford and Huang, "Occlusion Models for Natural Images" (2001).
"""

import math

import torch


def _coloured_noise(g, n, size):
    """1/f^a noise, a in 0.8..2.2, mostly grey. [n, 3, size, size], standard deviation 1."""
    fy = torch.fft.fftfreq(size)[:, None]
    fx = torch.fft.rfftfreq(size)[None]
    frequency = (fy**2 + fx**2).sqrt()
    frequency[0, 0] = 1 / size
    exponent = torch.rand(n, 1, 1, 1, generator=g) * 1.4 + 0.8
    spectrum = torch.fft.rfft2(torch.randn(n, 3, size, size, generator=g)) / frequency[None, None] ** exponent
    x = torch.fft.irfft2(spectrum, s=(size, size))
    x = x - x.mean((2, 3), keepdim=True)
    x = x / x.std((1, 2, 3), keepdim=True)
    mix = torch.randn(n, 3, 3, generator=g) * 0.35 * torch.rand(n, 1, 1, generator=g)
    mix = mix + torch.tensor([[1.0, 0, 0]] * 3)
    x = torch.einsum("nij,njhw->nihw", mix, x)
    return x / x.std((1, 2, 3), keepdim=True)


def _colours(g, n):
    base = torch.rand(n, 1, generator=g)
    saturation = torch.rand(n, 1, generator=g) ** 1.5
    return (base + saturation * (torch.rand(n, 3, generator=g) - 0.5) * 1.3).clamp(0, 1)


def _dead_leaves(g, n, size, leaves):
    """Ellipses, rectangles and diamonds of random size, colour and shading that cover each other."""
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    image = _colours(g, n)[:, :, None, None].expand(n, 3, size, size).clone()
    slope = torch.randn(n, 3, 2, generator=g) * 0.25
    image = image + slope[:, :, 0, None, None] * yy + slope[:, :, 1, None, None] * xx

    def uniform():
        return torch.rand(n, 1, 1, generator=g)

    for _ in range(leaves):
        cx, cy = uniform() * 2.4 - 1.2, uniform() * 2.4 - 1.2
        radius = 0.04 / (uniform() * 0.97 + 0.03) ** 0.75
        aspect = torch.exp((uniform() - 0.5) * 2.2)
        angle = uniform() * math.pi
        c, s = torch.cos(angle), torch.sin(angle)
        u = ((xx - cx) * c + (yy - cy) * s) / (radius * aspect)
        v = (-(xx - cx) * s + (yy - cy) * c) / (radius / aspect)
        shape = uniform()
        rectangle_or_diamond = torch.where(shape < 0.8, torch.maximum(u.abs(), v.abs()), u.abs() + v.abs())
        distance = torch.where(shape < 0.5, (u * u + v * v).sqrt(), rectangle_or_diamond)
        softness = (0.5 / size / radius).clamp(max=1) * (1 + (uniform() < 0.25).float() * uniform() * 12)
        mask = ((1 - distance) / softness / 2 + 0.5).clamp(0, 1)[:, None]
        colour = _colours(g, n)[:, :, None, None]
        shade = torch.randn(n, 3, 1, 1, generator=g) * 0.12 + torch.randn(n, 1, 1, 1, generator=g) * 0.2
        colour = colour + shade * torch.where(uniform() < 0.5, u, v).clamp(-1.5, 1.5)[:, None]
        image = image * (1 - mask) + colour * mask
    return image


def _generate(n, size, seed):
    g = torch.Generator().manual_seed(seed)
    leaves = _dead_leaves(g, n, size, 28)
    noise = _coloured_noise(g, n, size)

    def uniform():
        return torch.rand(n, 1, 1, 1, generator=g)

    kind = uniform()
    textured = leaves + uniform() ** 2 * 0.36 * noise * uniform()
    clouds = 0.5 + 0.3 * (uniform() - 0.5) + noise * (0.08 + 0.2 * uniform())
    x = torch.where(kind < 0.72, textured, torch.where(kind < 0.92, clouds, 0.5 * (textured + clouds)))
    gain = torch.exp((uniform() - 0.5) * 0.7)
    return ((x - 0.5) * gain + 0.5 + (uniform() - 0.5) * 0.25).clamp(0, 1)


def make_pictures(n, size, seed, chunk=64):
    """n pictures, uint8 [n, 3, size, size]; the same seed gives the same pictures."""
    out = torch.empty(n, 3, size, size, dtype=torch.uint8)
    for i in range(0, n, chunk):
        m = min(chunk, n - i)
        out[i : i + m] = (_generate(m, size, seed * 100003 + i) * 255 + 0.5).to(torch.uint8)
    return out
