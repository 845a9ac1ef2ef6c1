"""Real-time recurrent learning: the exact gradient, carried forwards (Williams and Zipser 1989).

With s_t = f(s_(t-1), x_t, w) the influence J_t = ds_t / dw follows

    J_t = df/dw + df/ds J_(t-1),

and a loss L_t of step t has the gradient dL_t/dw + dL_t/ds_(t-1) J_(t-1).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.learning.functional import vjp
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.online import OnlineLearner
from rnnmusic.recurrent import State
from rnnmusic.recurrent.flat import flattened
from rnnmusic.tasks import Task

# Of a probe of how parameters and units hang together, relative: far above rounding in float32.
_PROBE_TOLERANCE = 1e-4


class Rtrl(OnlineLearner):
    """The influence in full, (B, n, P) for n numbers of state and P parameters: any cell, if small.

    A step costs n**2 P per row.
    """

    def _begin(self, vector: Tensor) -> None:
        def start(vector: Tensor) -> Tensor:
            return flattened(self.functional.initial_state(vector, len(self.state)))[0]

        self.influence = torch.func.jacrev(start)(vector)

    def _advance(self, x: Tensor, target: Tensor, taught: Tensor) -> tuple[Tensor, Tensor]:
        vector = self.functional.vector()

        def row(state: Tensor, x: Tensor, target: Tensor) -> tuple[Tensor, ...]:
            def both(vector: Tensor, state: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
                loss, after = self._step(vector, state, x, target)
                return torch.cat([after, loss.unsqueeze(0)]), (loss, after)

            jacobians, (loss, after) = torch.func.jacrev(both, argnums=(0, 1), has_aux=True)(
                vector, state
            )
            return loss, after, *jacobians

        losses, state, by_w, by_s = torch.func.vmap(row)(self.state, x, target)
        total = by_w + by_s @ self.influence  # (B, n + 1, P): the state's influence, the loss's
        self.state, self.influence = state, total[:, :-1]
        return losses, taught @ total[:, -1]


class DiagonalRtrl(OnlineLearner):
    """The influence where it isn't zero: cells whose units hear the input but not each other.

    Then every parameter of the recurrence acts on the state of one unit alone, J_t keeps one number
    per parameter and number of a unit's state (2 for a complex mode), and learning in real time
    costs about as much as a step: the linear recurrent units, minGRU and others of one layer. The
    gradient is exact (as in Zucchet et al. 2023 for the LRU). UsageError for any other cell, found
    by a probe.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        super().__init__(model, task)
        with torch.random.fork_rng(devices=[]):
            self._probe()
        self.begin(1)

    def _carried(self, names: list[str]) -> list[str]:
        """Which tensors of the state the influence is followed through: all."""
        return names

    def _begin(self, vector: Tensor) -> None:
        if not hasattr(self, "_reached"):  # before the probe
            return

        def start(vector: Tensor) -> Tensor:
            return flattened(self.functional.initial_state(vector, 1))[0][0]

        _, pull = vjp(start, vector)
        begins = torch.stack([pull(unit)[0] for unit in self._cotangents()])
        self.influence = begins[:, self._reached].expand(len(self.state), -1, -1)

    def _advance(self, x: Tensor, target: Tensor, taught: Tensor) -> tuple[Tensor, Tensor]:
        vector = self.functional.vector()
        cotangents = self._cotangents()

        def row(state: Tensor, x: Tensor, target: Tensor) -> tuple[Tensor, ...]:
            (loss, after), pull = vjp(lambda w, s: self._step(w, s, x, target), vector, state)
            loss_w, loss_s = pull((torch.ones_like(loss), torch.zeros_like(after)))
            none = torch.zeros_like(loss)
            by_w, by_s = torch.func.vmap(lambda u: pull((none, u)))(cotangents)
            if self._is_diagonal:
                by_s = by_s[:, self._places]  # (c, U, c')
            else:  # the whole Jacobian, of which each unit's own part counts
                identity = torch.eye(len(after), dtype=after.dtype)
                full = torch.func.vmap(lambda u: pull((none, u))[1])(identity)
                own = full[self._places.unsqueeze(2), self._places.unsqueeze(1)]
                by_s = own.transpose(0, 1)
            return loss, after, loss_w, loss_s[self._places], by_w[:, self._reached], by_s

        losses, state, loss_w, loss_s, by_w, by_s = torch.func.vmap(row)(self.state, x, target)
        # loss_s (B, U, c), by_s (B, c, U, c'), influence (B, c', reached)
        gradient = taught @ loss_w
        chained = (loss_s[:, self._owner].transpose(1, 2) * self.influence).sum(1)
        gradient = gradient.index_add(0, self._reached, taught @ chained)
        carried = (by_s[:, :, self._owner].transpose(2, 3) * self.influence.unsqueeze(1)).sum(2)
        self.state, self.influence = state, by_w + carried
        return losses, gradient

    def _cotangents(self) -> Tensor:
        """One row of (n,) per number c of a unit's state: 1 at that number of every unit."""
        rows = self.state.new_zeros(self._places.shape[1], self.state.shape[1])
        return rows.scatter(1, self._places.T, 1.0)

    def _probe(self) -> None:
        """Find the places of the units in the state, and which unit each parameter acts on."""
        functional, vector = self.functional, self.functional.vector()
        named = list(_named(functional.initial_state(vector, 1)))
        carried = self._carried([name for name, _ in named])
        self._places = _places(named, carried)
        state = 0.5 * torch.randn_like(self.state[0])
        x = torch.randn(functional.recurrent.input_size, dtype=self.state.dtype)

        def act(vector: Tensor, state: Tensor) -> Tensor:
            """What parameters do to the state, by a step or by how it begins."""
            before = self._unflatten(state.unsqueeze(0))
            after = functional.recurrence(vector, x.unsqueeze(0), before)
            begins = functional.initial_state(vector, 1)
            return (flattened(after)[0] + flattened(begins)[0])[0]

        # If units weigh w_u instead of 1 and don't mix, what is theirs becomes w_u times as much.
        weights = 0.5 + torch.rand(len(self._places), dtype=self.state.dtype)
        weighing = torch.zeros_like(state)
        weighing[self._places] = weights.unsqueeze(1)
        _, pull = vjp(act, vector, state)
        plain_w, plain_s = map(torch.stack, zip(*map(pull, self._cotangents()), strict=True))
        heavy_w, heavy_s = map(
            torch.stack, zip(*(pull(u * weighing) for u in self._cotangents()), strict=True)
        )
        places = self._places.flatten()
        self._is_diagonal = _close(heavy_s[:, places], (plain_s * weighing)[:, places])
        reached, owners, at = [], [], 0
        for name, parameter, plain, heavy in zip(
            functional.names,
            functional.parameters,
            functional.split(plain_w),
            functional.split(heavy_w),
            strict=True,
        ):
            index = torch.arange(at, at + parameter.numel())
            at += parameter.numel()
            if plain.any():
                reached.append(index)
                owners.append(_owner(name, parameter, plain, heavy, weights).flatten())
        if not reached:
            raise UsageError("No parameter acts on the state; there is nothing to learn in time.")
        self._reached, self._owner = torch.cat(reached), torch.cat(owners)
        self._check()

    def _check(self) -> None:
        if not self._is_diagonal:
            raise UsageError(
                "The units of this recurrence hear each other, so that the influence isn't one "
                "number per parameter; use Rtrl for a small one, or Uoro."
            )


def _named(state: State, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a state with their names, in the order of `tree_map`."""
    if isinstance(state, Tensor):
        yield name, state
        return
    names = getattr(state, "_fields", [""] * len(state))
    for key, part in zip(names, state, strict=True):
        yield from _named(part, key)


def _places(named: list[tuple[str, Tensor]], carried: list[str]) -> Tensor:
    """Where in the flat state unit u keeps its number c: (U, c) int64."""
    columns, at, units = [], 0, set()
    for name, leaf in named:
        size = leaf[0].numel() * (2 if leaf.is_complex() else 1)
        if name in carried:
            units.add(leaf.shape[1])
            columns.append(torch.arange(at, at + size).view(leaf.shape[1], -1))
        at += size
    if len(units) != 1:
        raise UsageError(
            f"The state has tensors of {sorted(units)} units; learning with one number per "
            "parameter takes one layer, whose tensors count the same units."
        )
    return torch.cat(columns, 1)


def _owner(name: str, parameter: Tensor, plain: Tensor, heavy: Tensor, weights: Tensor) -> Tensor:
    """The unit that each number of a parameter acts on, in the parameter's shape.

    Units are counted along one of its axes, gate after gate; plain and heavy (c, *shape) are what
    it moves when units weigh 1 and when they have the weights (U,).
    """
    units = len(weights)
    for axis, size in enumerate(parameter.shape):
        if size % units:
            continue
        shape = [1] * parameter.dim()
        shape[axis] = size
        owner = (torch.arange(size) % units).view(shape).expand(parameter.shape)
        if _close(heavy, plain * weights[owner]):
            return owner
    raise UsageError(
        f"The parameter {name} acts on several units at once, so that the influence isn't one "
        "number per parameter; use Rtrl for a small recurrence, or Uoro."
    )


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= _PROBE_TOLERANCE * b.abs().max().clamp_min(1e-30))


__all__ = ["DiagonalRtrl", "Rtrl"]
