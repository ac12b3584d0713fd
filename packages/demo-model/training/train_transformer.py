"""Trains the transformer by flow matching on made-up pictures, their exact edits and the kept embeddings."""

import os
import random

import torch
from torch import distributed

from edits import KINDS
from muon import Muon
from patches import crowd_bias, random_layout, rotary
from scenes import patch_scene, whole_scene
from text_encoder import LAST
from transformer import AttentionBias, RotaryOverride, build_transformer, pad_embeddings
from vae import BORDER, STD

GRIDS = [(4, 4), (4, 4), (4, 6), (6, 4), (5, 5), (6, 6), (5, 7), (7, 5)]  # tokens of 8 pixels
LARGE_GRIDS = [(12, 12), (10, 14), (14, 10), (16, 16)]
ONE_PICTURE = [kind for kind in KINDS if kind != "blend"]
_OFTEN = {"black_and_white": 1.3, "negative": 1.5, "contrast": 1.6, "vivid": 1.4, "blur": 1.3, "mosaic": 1.3, "frame": 1.1, "same": 1.4}
OFTEN = [_OFTEN.get(kind, 1.0) for kind in ONE_PICTURE]
TWO_PICTURES, BLEND_OF_TWO = 0.11, 0.55
NO_PROMPT, UNKNOWN_OF_SAME = 0.11, 0.6
OTHER_WORDS, MIXED, MOST_MIXED = 0.5, 0.5, 0.42  # see kept_embedding
STEPS, BATCH = 6000, 16  # a batch is of one process
LARGE_SHARE, DECAY = 0.06, 0.4
OFF_PATH = 0.3  # share of batches in states that guidance overshoots into: they still point at the right picture
PATCHES = 0.5  # share of batches that are patches of a large picture
MAX_LOG_REPEAT = 5.3  # log of 200 times as many image tokens


def channel_weights():
    weights = torch.tensor(STD) ** 0.7
    weights[BORDER] = 0.1
    return (weights / weights.mean()).repeat_interleave(4)


def kept_embedding(cache, kind, count, r):
    """States of a prompt for `kind`, `cache` being of {(kind, pictures): [states]}.

    What it asks for is in the last states, see text_encoder.py; sentences never seen blur them. So some have words of
    another prompt before them, and some lean towards the last states of another: what they are nearest to counts.
    """
    if r.random() < NO_PROMPT:
        kind = ""
    elif kind == "same" and r.random() < UNKNOWN_OF_SAME:
        kind = "unknown"
    states = r.choice(cache[(kind, count)])
    words, last = states[:-LAST], states[-LAST:].float()
    if r.random() < OTHER_WORDS:
        words = r.choice(cache[(r.choice(ONE_PICTURE), count)])[:-LAST]
    if kind and r.random() < MIXED:
        other = r.choice(cache[(r.choice(ONE_PICTURE), count)])[-LAST:].float()
        last = torch.lerp(last, other, MOST_MIXED * r.random())
    return torch.cat([words.float(), last])


def _wishes(scene, cache, r):
    """Kinds of a batch, and prompts for them."""
    size, two = len(scene.references[0]), len(scene.references) == 2
    kinds = ["blend" if two and r.random() < BLEND_OF_TWO else r.choices(ONE_PICTURE, OFTEN)[0] for _ in range(size)]
    return kinds, lambda kind: kept_embedding(cache, kind, 2 if two else 1, r)


def noised_batch(scene, kinds, embedding, r, g):
    """States, times, velocities and prompts of one step."""
    size = len(kinds)
    z = scene.edited(kinds)
    prompts = pad_embeddings([embedding(kind) for kind in kinds])

    u = torch.rand(size, generator=g)
    shift = torch.where(torch.rand(size, generator=g) < 0.7, 2.5, 1.0)
    time = (shift * u / (1 + (shift - 1) * u)).clamp(min=0.004)
    t = time[:, None, None]
    noise = torch.randn(z.shape, generator=g)
    state, velocity = (1 - t) * z + t * noise, noise - z
    if r.random() < OFF_PATH:
        share = torch.rand(size, 1, 1, generator=g)
        other = share * scene.references[0] + (1 - share) * scene.edited(r.choices(ONE_PICTURE, k=size))
        push = (torch.rand(size, 1, 1, generator=g) * 3.5 - 0.5) * (1 - t)
        state = state + push * t * (z - other)
        velocity = velocity + push * (z - other)
    return state, time, velocity, prompts


def random_scene(pictures, done, shared, r, g):
    """A scene whose kind and size all processes have in common."""
    two = shared.random() < TWO_PICTURES
    if shared.random() < PATCHES:
        return patch_scene(pictures, random_layout(r), BATCH, two, r, g)
    grid, size = shared.choice(GRIDS), BATCH
    if shared.random() < LARGE_SHARE * (3 if done > 0.8 else 1):
        grid = shared.choice(LARGE_GRIDS)
        size = max(4, int(BATCH * 36 / (grid[0] * grid[1])))
    return whole_scene(pictures, grid, size, two, r, g)


def _repeated_pictures(text_tokens, tokens, r):
    """An attention bias as if the pictures had more tokens, by a random factor."""
    bias = torch.zeros(1, 1, 1, text_tokens + tokens)
    bias[..., text_tokens:] = MAX_LOG_REPEAT * max(0.0, r.random() * 1.2 - 0.2)
    return bias


def predict(model, bias, positions, scene, state, time, padded_prompts, r):
    """Velocities of the states of a scene, as if its pictures were larger by a random factor."""
    prompts, mask = padded_prompts
    tokens, words = torch.cat([state, *scene.references], 1), prompts.shape[1]
    images = 1 + len(scene.references)
    if scene.layout is None:
        bias.value = _repeated_pictures(words, tokens.shape[1], r)
    else:
        bias.value = crowd_bias(scene.layout, images, words)
        positions.value = rotary(scene.layout, model.pos_embed, images, words)
    predicted = model(
        hidden_states=tokens,
        timestep=time,
        encoder_hidden_states=prompts,
        encoder_hidden_states_mask=mask,
        img_shapes=[[(1, *scene.grid)] * images] * len(tokens),
        return_dict=False,
    )[0][:, : state.shape[1]]
    bias.value = positions.value = None
    return predicted


def _is_hidden(name):
    return "transformer_blocks" in name and "mod" not in name


def _average_gradients(parameters, workers):
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters])
    distributed.all_reduce(flat)
    flat /= workers
    for p, gradient in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad = gradient.view_as(p)


def _worker(rank, workers, work, steps, log, parent):
    """One of several processes that train the same weights, each on its own batches and one thread."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{(work / 'rendezvous').resolve()}", rank=rank, world_size=workers
    )
    pictures = torch.load(work / "pictures.pt")
    cache = torch.load(work / "embeddings.pt")
    snapshot = work / f"transformer-{rank}.snapshot"
    model = build_transformer(cache[("", 1)][0].shape[1])
    parameters = list(model.parameters())
    bias, positions = AttentionBias(), RotaryOverride(model)
    shared, r = random.Random(11), random.Random(100 + rank)
    g = torch.Generator().manual_seed(7 + rank)
    optimizer = Muon(model.named_parameters(), _is_hidden, adam_rate=2e-3, muon_rate=0.02)
    average = [p.detach().clone() for p in parameters]
    weights = channel_weights()
    first, running = 0, None
    if snapshot.exists():
        kept = torch.load(snapshot, weights_only=False)
        model.load_state_dict(kept["model"])
        optimizer.load_state(kept["optimizer"])
        average, first, running = kept["average"], kept["step"], kept["running"]
        shared.setstate(kept["shared"])
        r.setstate(kept["r"])
        g.set_state(kept["g"])
    elif rank == 0:
        log(f"transformer: {sum(p.numel() for p in parameters)} parameters")
    for step in range(first, steps):
        if os.getppid() != parent:
            raise SystemExit("the training was stopped")
        done = step / steps
        scene = random_scene(pictures, done, shared, r, g)
        kinds, embedding = _wishes(scene, cache, r)
        state, time, velocity, prompts = noised_batch(scene, kinds, embedding, r, g)
        predicted = predict(model, bias, positions, scene, state, time, prompts, r)
        loss = ((predicted - velocity) ** 2 * weights).mean()
        optimizer.zero_grad()
        loss.backward()
        _average_gradients(parameters, workers)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(min(1, (step + 1) / 60) * min(1, (1 - done) / DECAY + 0.01))
        if step % 4 == 3:
            keep = min(0.99, (step + 2) / (step + 11)) ** 4
            with torch.no_grad():
                torch._foreach_lerp_(average, parameters, 1 - keep)
        running = loss.item() if running is None else running * 0.98 + loss.item() * 0.02
        if step % 250 == 249 and rank == 0:
            log(f"transformer step {step + 1}/{steps}: loss {running:.4f}")
        if step % 500 == 499:
            kept = {"model": model.state_dict(), "optimizer": optimizer.state(), "average": average}
            kept |= {"step": step + 1, "running": running}
            kept |= {"shared": shared.getstate(), "r": r.getstate(), "g": g.get_state()}
            torch.save(kept, snapshot.with_suffix(".part"))
            distributed.barrier()
            snapshot.with_suffix(".part").rename(snapshot)
    if rank == 0:
        with torch.no_grad():
            torch._foreach_copy_(parameters, average)
        torch.save(model.state_dict(), work / "transformer-average.pt")
    distributed.destroy_process_group()


def train_transformer(work, workers, steps=STEPS, log=print):
    """Trains on what the earlier stages left in `work`; returns the averaged weights.

    The number of processes is part of the recipe: each adds its own batch. A broken-off run goes on from its last
    snapshot, which is made every 500 steps.
    """
    (work / "rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(_worker, (workers, work, steps, log, os.getpid()), nprocs=workers)
    return torch.load(work / "transformer-average.pt")
