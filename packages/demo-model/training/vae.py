"""The VAE: an encoder that is built, not trained, and a decoder that is trained to undo it.

The encoder is a 4x4 DCT on opponent colours: 15 of its 48 coefficients, chosen by their energy in photos, and a 16th
channel that marks the cells along the picture's border (by the zero padding of a convolution), from which the
transformer knows where a picture ends. So the latents of a training picture cost one convolution, and decoder and
transformer are trained apart.
"""

import math

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLQwenImage
from diffusers.models.autoencoders import autoencoder_kl_qwenimage as modules

from edits import KINDS, exact_edit
from pictures import make_pictures

LUMA = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2)]
BLUE_RED = [(0, 0), (0, 1), (1, 0)]
GREEN_MAGENTA = [(0, 0)]
BORDER = 15
DC = [0, 11, 14]
OPPONENT = torch.tensor(
    [[1 / 3**0.5] * 3, [1 / 2**0.5, 0, -1 / 2**0.5], [1 / 6**0.5, -2 / 6**0.5, 1 / 6**0.5]]
)
STD = [3.4, 0.48, 0.48, 0.25, 0.25, 0.25, 0.17, 0.17, 0.15, 0.15, 0.13, 1.4, 0.15, 0.15, 0.9, 1.0]
CONFIG = {
    "base_dim": 18,
    "z_dim": 16,
    "dim_mult": [1, 2, 2],
    "num_res_blocks": 1,
    "attn_scales": [],
    "temperal_downsample": [False, False],
    "dropout": 0.0,
    "latents_mean": [0.0] * 16,
    "latents_std": STD,
}
CARRIER = 300.0  # a constant channel; it makes the RMS norms divide by (nearly) the same number everywhere
BORDER_BIAS = 30.0  # the same in the branch that marks the border
BORDER_GAIN = 0.9  # makes the mark of an edge cell about 1


def _single_frame_convolution(self, x, cache_x=None):
    """A causal 3D convolution of one frame only meets data at its last temporal tap: 2D, and three times faster."""
    if x.shape[2] != 1 or cache_x is not None:
        return _convolution(self, x, cache_x)
    padding = (self._padding[2], self._padding[0])
    return F.conv2d(x[:, :, 0], self.weight[:, :, -1], self.bias, padding=padding)[:, :, None]


_convolution = modules.QwenImageCausalConv3d.forward


def use_single_frame_convolutions(on=True):
    modules.QwenImageCausalConv3d.forward = _single_frame_convolution if on else _convolution


def _basis():
    """The 15 coefficients as orthonormal 4x4 filters, [15, 3, 4, 4]."""
    dct = torch.tensor(
        [
            [math.cos(math.pi * (2 * x + 1) * u / 8) * math.sqrt((1 if u == 0 else 2) / 4) for x in range(4)]
            for u in range(4)
        ]
    )
    filters = []
    for channel, kept in enumerate((LUMA, BLUE_RED, GREEN_MAGENTA)):
        for u, v in kept:
            filters.append(OPPONENT[channel][:, None, None] * torch.outer(dct[u], dct[v])[None])
    return torch.stack(filters)


BASIS = _basis()


def border_marks(h, w):
    """What the encoder writes into its 16th channel for a picture of h x w cells, [h, w]."""

    def mark(missing_taps):
        x = missing_taps / math.sqrt(missing_taps**2 + BORDER_BIAS**2) * math.sqrt(CONFIG["base_dim"])
        return BORDER_GAIN * x / (1 + math.exp(-x))

    edge, corner = mark(3), mark(5)
    marks = torch.zeros(h, w)
    marks[0] += 4 * edge
    marks[-1] += 4 * edge
    marks[:, 0] += 4 * edge
    marks[:, -1] += 4 * edge
    for i in (0, -1):
        for j in (0, -1):
            marks[i, j] += corner - 2 * edge
    return marks


def encode(x):
    """Pictures [n, 3, h, w] in -1..1 -> raw latents [n, 16, h/4, w/4], as the built encoder gives them."""
    z = F.conv2d(x, BASIS, stride=4)
    marks = border_marks(z.shape[2], z.shape[3]).expand(len(x), 1, -1, -1)
    return torch.cat([z, marks], 1)


def decode_linear(z):
    """The best linear picture of raw latents: [n, 16, h, w] -> [n, 3, 4h, 4w] in -1..1."""
    return F.conv_transpose2d(z[:, :15], BASIS, stride=4)


def decode(vae, z):
    return vae.decoder(vae.post_quant_conv(z[:, :, None]))[:, :, 0]


def _zero(module):
    module.weight.zero_()
    module.bias.zero_()


def _build_encoder(encoder):
    for m in encoder.modules():
        if isinstance(m, modules.QwenImageResidualBlock):
            _zero(m.conv2)
    _zero(encoder.conv_in)
    for k in range(3):
        encoder.conv_in.weight[k, k, -1, 1, 1] = 1
    encoder.conv_in.bias[3] = CARRIER

    first = encoder.down_blocks[0]
    carrier_after_norm = math.sqrt(CONFIG["base_dim"])
    carrier_after_silu = carrier_after_norm / (1 + math.exp(-carrier_after_norm))
    _zero(first.conv1)
    first.conv1.weight[0, 3, -1] = -1 / carrier_after_silu  # nine taps inside, six on an edge, four in a corner
    first.conv1.bias[0] = 9
    first.conv1.bias[1] = BORDER_BIAS
    first.conv2.weight[4, 0, -1, 1, 1] = BORDER_GAIN

    halve = encoder.down_blocks[1].resample[1]
    _zero(halve)
    for k in range(3):
        for i in range(2):
            for j in range(2):
                halve.weight[k * 4 + i * 2 + j, k, i, j] = 1
    halve.weight[12, 3, 0, 0] = 1
    halve.weight[13, 4, :2, :2] = 1
    shortcut = encoder.down_blocks[2].conv_shortcut
    _zero(shortcut)
    for k in range(14):
        shortcut.weight[k, k, 0, 0, 0] = 1
    halve = encoder.down_blocks[3].resample[1]
    _zero(halve)
    for z in range(15):
        for k in range(3):
            for i in range(2):
                for j in range(2):
                    halve.weight[2 * z, k * 4 + i * 2 + j, :2, :2] = BASIS[z, k, i::2, j::2]
    halve.weight[2 * BORDER, 13, :2, :2] = 1
    for z in range(16):  # x and -x, so that silu(x) - silu(-x) = x
        halve.weight[2 * z + 1] = -halve.weight[2 * z]
    halve.weight[32, 12, 0, 0] = 1
    encoder.norm_out.gamma.fill_(CARRIER / 6.0)
    _zero(encoder.conv_out)
    for z in range(16):
        encoder.conv_out.weight[z, 2 * z, -1, 1, 1] = 1
        encoder.conv_out.weight[z, 2 * z + 1, -1, 1, 1] = -1
    encoder.conv_out.bias[16:] = -12


def _start_decoder(decoder):
    """Starts the decoder as the blurred picture of the mean colours, so that it has details to learn only."""
    std = torch.tensor(STD)
    for m in decoder.modules():
        if isinstance(m, modules.QwenImageResidualBlock):
            m.conv2.weight.mul_(0.3)
    decoder.conv_in.weight.mul_(0.3 / std.view(1, -1, 1, 1, 1))
    decoder.conv_in.bias.zero_()
    for k in range(16):
        decoder.conv_in.weight[k] = 0
        decoder.conv_in.weight[k, k, -1, 1, 1] = 1 / std[k]
    decoder.conv_in.weight[:, BORDER] = 0
    kernel = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(kernel, kernel)
    up0 = decoder.up_blocks[0].upsamplers[0].resample[1]
    up1 = decoder.up_blocks[1].upsamplers[0].resample[1]
    for n, k in enumerate(DC):
        up0.weight[n] = 0
        up0.weight[n, k] = kernel
        up0.bias[n] = 0
    shortcut = decoder.up_blocks[1].resnets[0].conv_shortcut
    for k in range(18):
        shortcut.weight[k] = 0
        shortcut.weight[k, k] = 1
        shortcut.bias[k] = 0
    up1.bias.zero_()
    for k in range(3):
        to_rgb = OPPONENT[:, k] * std[DC] / 4
        for sign, out in ((1, k), (-1, k + 3)):
            up1.weight[out] = 0
            for n in range(3):
                up1.weight[out, n] = sign * to_rgb[n] * kernel
    up1.weight[6] = 0
    up1.bias[6] = 6.0
    decoder.norm_out.gamma.fill_(6 / 18**0.5)
    decoder.conv_out.weight.mul_(0.1)
    decoder.conv_out.bias.zero_()
    for k in range(3):
        decoder.conv_out.weight[k, :6] = 0
        decoder.conv_out.weight[k, k, -1, 1, 1] = 1
        decoder.conv_out.weight[k, k + 3, -1, 1, 1] = -1


@torch.no_grad()
def build_vae(seed=0):
    torch.manual_seed(seed)
    vae = AutoencoderKLQwenImage(**CONFIG)
    for m in vae.modules():
        if isinstance(m, modules.QwenImageCausalConv3d) and m.weight.shape[2] == 3:
            m.weight[:, :, :2] = 0
        if isinstance(m, modules.QwenImageAttentionBlock):
            _zero(m.proj)
    _build_encoder(vae.encoder)
    _zero(vae.quant_conv)
    _zero(vae.post_quant_conv)
    for k in range(32):
        vae.quant_conv.weight[k, k] = 1
    for k in range(16):
        vae.post_quant_conv.weight[k, k] = 1
    _start_decoder(vae.decoder)
    return vae


@torch.no_grad()
def encoder_error(vae, pictures):
    """How far the built encoder is from `encode`, largest difference over the latents' standard deviations."""
    x = pictures.float() / 127.5 - 1
    use_single_frame_convolutions(False)
    z = vae.encode(x[:, :, None]).latent_dist.mode()[:, :, 0]
    use_single_frame_convolutions(True)
    return ((z - encode(x)) / torch.tensor(STD).view(1, -1, 1, 1)).abs().max().item()


@torch.no_grad()
def round_trip_psnr(vae, pictures):
    """Mean PSNR of pictures (uint8) that were encoded and decoded, in dB."""
    values = []
    for picture in pictures:
        x = picture[None].float() / 127.5 - 1
        error = (decode(vae, encode(x)).clamp(-1, 1) - x).pow(2).mean()
        values.append(10 * math.log10(4 / error.item()))
    return sum(values) / len(values)


def train_vae(pictures, steps=1800, batch=16, crop=48, log=print):
    """Trains the decoder on crops of made-up pictures and their edits. """
    vae = build_vae()
    validation = make_pictures(16, 128, 999)
    log(f"built encoder against its formula: {encoder_error(vae, validation[:2]):.2e} standard deviations at most")
    g = torch.Generator().manual_seed(5)
    for p in vae.parameters():
        p.requires_grad_(False)
    trained = [p for name, p in vae.decoder.named_parameters() if "attentions" not in name]
    for p in trained:
        p.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, lr=2e-3, betas=(0.9, 0.99))
    average = [p.detach().clone() for p in trained]
    std = torch.tensor(STD).view(1, -1, 1, 1)
    single = [k for k in KINDS if k not in ("same", "blend", "frame")]
    for step in range(steps):
        done = step / steps
        rate = 2e-3 * min(1, (step + 1) / 100) * (0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02)
        for group in optimizer.param_groups:
            group["lr"] = rate
        which = torch.randint(len(pictures), (batch,), generator=g)
        top, left = torch.randint(0, pictures.shape[2] - crop + 1, (2,), generator=g).tolist()
        x = pictures[which, :, top : top + crop, left : left + crop].float() / 255
        if step % 2:
            x = x[:, torch.randperm(3, generator=g)]
        if step % 3 == 0:
            x = x.flip(3)
        if step % 5 == 0:
            x = x.transpose(2, 3)
        half = batch // 2
        kind = single[int(torch.randint(len(single), (1,), generator=g))]
        x = torch.cat([x[:half], exact_edit(kind, x[half:])]) * 2 - 1
        z = encode(x)
        noise = torch.randn(z.shape, generator=g) * std * 0.01
        noise[:, BORDER] *= 30
        y = decode(vae, z + noise)
        loss = (y - x).pow(2).mean() * 4 + (y - x).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, (step + 2) / (step + 11))
            for a, p in zip(average, trained):
                a.lerp_(p, 1 - keep)
        if step % 200 == 199:
            log(f"decoder step {step + 1}/{steps}: loss {loss.item():.4f}")
    with torch.no_grad():
        for a, p in zip(average, trained):
            p.copy_(a)
    log(f"decoder: made-up pictures come back at {round_trip_psnr(vae, validation):.1f} dB")
    return vae
