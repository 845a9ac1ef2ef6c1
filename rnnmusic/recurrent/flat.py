"""States as rows of real numbers and back: what Jacobians are taken of."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.recurrent.protocol import State, tree_map


def flattened(states: State) -> tuple[Tensor, Unflatten]:
    """States of B rows as (B, N) real numbers, and the way back; of complex ones both parts."""
    leaves: list[Tensor] = []
    tree_map(leaves.append, states)
    rows = [torch.view_as_real(leaf) if leaf.is_complex() else leaf for leaf in leaves]
    return torch.cat([row.flatten(1) for row in rows], dim=1), Unflatten(states)


class Unflatten:
    """Rows of numbers back into states of a given structure."""

    def __init__(self, like: State) -> None:
        self._like = like

    def __call__(self, flat: Tensor) -> State:
        """States of rows (B, N)."""
        at = 0

        def take(leaf: Tensor) -> Tensor:
            nonlocal at
            count = leaf[0].numel() * (2 if leaf.is_complex() else 1)
            part = flat[:, at : at + count]
            at += count
            if leaf.is_complex():
                return torch.view_as_complex(part.reshape(len(part), *leaf.shape[1:], 2))
            return part.reshape(len(part), *leaf.shape[1:])

        return tree_map(take, self._like)
