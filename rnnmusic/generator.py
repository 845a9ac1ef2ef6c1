"""Generator: an encoding, a recurrent network and a head that together model music step by step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from rnnmusic import heads, recurrent
from rnnmusic.embeddings import StepEmbedding
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.heads.protocol import Kind
from rnnmusic.recurrent.protocol import State


@dataclass(frozen=True)
class ModelConfig:
    """The recurrent network and what feeds it."""

    name: str = "gru"  # a key of recurrent.RECURRENT
    size: int = 256  # units per layer
    layers: int = 1
    embedding_size: int = 32  # per factor of a categorical step; binary steps enter as they are
    dropout: float = 0.0  # probability of dropping an input or output of a layer
    variational: bool = False  # one dropout mask per sequence (Gal and Ghahramani 2015)
    learned_initial_state: bool | float = False  # of all units, or of a share of them
    #: What only some flavours have, such as forget_bias or modes: see recurrent.layer_options.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadConfig:
    """The distribution of the next step."""

    name: str = ""  # a key of heads.HEADS; empty: the one that fits the encoding
    width: int | None = None  # hidden units inside (nade, pitch-axis, categorical); None: its own
    components: int | None = None  # Gaussians (gaussian-mixture); None: its own
    #: What only some heads have, such as the rbm's gibbs_steps.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GeneratorConfig:
    """All that rebuilds a generator, weights apart. JSON-able through `to_dict`.

    A head without a name gets that of the one that fits the encoding.
    """

    encoding: Encoding
    model: ModelConfig = field(default_factory=ModelConfig)
    head: HeadConfig = field(default_factory=HeadConfig)

    def __post_init__(self) -> None:
        if not self.head.name:
            named = replace(self.head, name=heads.fitting(self.encoding.sizes))
            object.__setattr__(self, "head", named)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, as `from_dict` reads them."""
        return {
            "encoding": self.encoding.to_config(),
            "model": asdict(self.model),
            "head": asdict(self.head),
        }


class Generator(nn.Module):
    """p(step_t | steps before t, clock_t): embedding -> recurrent -> head.

    Shapes: steps (B, T, F) of `encoding.sizes`, int64 or, for real numbers, float32; clock
    (B, T, C) int64 of `encoding.clock_sizes`, hidden (B, T, recurrent.output_size).
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        encoding, model, head = config.encoding, config.model, config.head
        self.config = config
        self.encoding = encoding
        self.embedding = StepEmbedding(
            encoding.sizes, encoding.clock_sizes, embedding_size=model.embedding_size
        )
        self.recurrent = recurrent.build(
            model.name,
            self.embedding.output_size,
            model.size,
            layers=model.layers,
            dropout=model.dropout,
            variational=model.variational,
            learned_initial_state=model.learned_initial_state,
            **self._told(model),
        )
        self.head = heads.build(
            head.name,
            self.recurrent.output_size,
            encoding.sizes,
            **_given(width=head.width, components=head.components),
            **self._pitched(heads.options(head.name)),
            **head.options,
        )

    def _told(self, model: ModelConfig) -> dict[str, Any]:
        """The flavour's options; one that reads column by column is told how many there are."""
        known = recurrent.layer_options(model.name)
        options = {**self._pitched(known), **model.options}
        if "columns" in known:
            options.setdefault("columns", self.embedding.step_columns)
        return options

    def _pitched(self, known: Collection[str]) -> dict[str, int]:
        """How many pitches there are, for what goes through them one by one."""
        pitches = len(self.encoding.sizes) // self.encoding.columns_per_pitch
        return {"pitches": pitches} if "pitches" in known else {}

    @property
    def kind(self) -> Kind:
        """What its likelihood is: exact, a bound, or an estimate."""
        is_bound = self.recurrent.is_bound and self.head.kind == "exact"
        return "bound" if is_bound else self.head.kind

    @property
    def likelihood(self) -> str:
        """`kind` in words, and whether it is of a density: "exact density"."""
        return f"{self.kind} density" if self.head.is_density else self.kind

    def fit_marginals(self, steps: Tensor) -> None:
        """Measure steps (N, F) of the training data before any learning: how often values occur,
        or the mean and spread of real-valued columns."""
        self.embedding.fit(steps)
        self.head.initialise_bias(steps)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows."""
        return self.recurrent.initial_state(batch_size)

    def forward(
        self,
        inputs: Tensor,
        clock: Tensor,
        state: State | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """What the head needs for each step, from inputs that lag one step behind the targets."""
        features = self.embedding(inputs, clock)
        hidden, state = self.recurrent(features, state, reset=reset, lengths=lengths)
        return hidden, state

    def step(
        self, previous: Tensor, clock: Tensor, state: State, noise: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One step: previous (B, F), clock (B, C), state -> hidden (B, H), state.

        noise (B, recurrent.noise_size): standard normal numbers that latent variables are drawn
        with; None: they are their means.
        """
        return self.recurrent.step(self.embedding(previous, clock), state, noise=noise)

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters())


def _given(**options: int | None) -> dict[str, Any]:
    """Options that only some flavours have: one that isn't given isn't asked for."""
    return {name: value for name, value in options.items() if value is not None}


def build(config: GeneratorConfig, *, seed: int = 0) -> Generator:
    """A generator with fresh weights: the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(config)


__all__ = ["Generator", "GeneratorConfig", "HeadConfig", "ModelConfig", "build"]
