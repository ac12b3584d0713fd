"""Muon for the hidden matrices, Adam for the rest.

Source: Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
"""

import torch


def _orthogonalise(g, steps=5):
    """Newton-Schulz iteration on a stack of matrices [k, rows, columns], in bf16 as in the source."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon:
    """For named parameters: `is_hidden` tells by name which of the matrices Muon takes."""

    def __init__(self, named, is_hidden, adam_rate, muon_rate, momentum=0.95):
        named = list(named)
        hidden = [p for name, p in named if p.dim() == 2 and is_hidden(name)]
        known = {id(p) for p in hidden}
        self.stacks = {}
        for p in hidden:
            self.stacks.setdefault(tuple(p.shape), []).append(p)
        self.buffers = {shape: torch.zeros(len(ps), *shape) for shape, ps in self.stacks.items()}
        self.adam = torch.optim.Adam(
            [p for _, p in named if id(p) not in known], lr=adam_rate, betas=(0.9, 0.98), fused=True
        )
        self.adam_rate, self.muon_rate, self.momentum = adam_rate, muon_rate, momentum

    @torch.no_grad()
    def step(self, factor):
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * factor
        self.adam.step()
        for shape, ps in self.stacks.items():
            gradient = torch.stack([torch.zeros_like(p) if p.grad is None else p.grad for p in ps])
            buffer = self.buffers[shape].mul_(self.momentum).add_(gradient)
            update = _orthogonalise(gradient.add(buffer, alpha=self.momentum))
            rate = -self.muon_rate * factor * max(1, shape[0] / shape[1]) ** 0.5
            for p, u in zip(ps, update):
                p.add_(u, alpha=rate)

    def zero_grad(self):
        for ps in self.stacks.values():
            for p in ps:
                p.grad = None
        self.adam.zero_grad(set_to_none=True)

    def state(self):
        return {"adam": self.adam.state_dict(), "buffers": self.buffers}

    def load_state(self, state):
        self.adam.load_state_dict(state["adam"])
        self.buffers = state["buffers"]
