"""One variational recurrence, whose edges make it STORN, VRNN, SRNN or a deep Markov model."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.belief.normal import Normal
from rnnmusic.recurrent.belief.prior import Prior, positive, two_layers
from rnnmusic.recurrent.gated import Gru, GruState
from rnnmusic.recurrent.latent import Choose, Inferred, Latent
from rnnmusic.recurrent.protocol import Learned, tree_map, where
from rnnmusic.recurrent.registry import Flavour


class VariationalState(NamedTuple):
    """h (B, C): the context of the step just made. z (B, Z): the latents of the one before it, or
    none, (B, 0), where no z_t reads z_(t-1). The step's own are drawn once it has been heard."""

    h: Tensor
    z: Tensor


class Variational(Latent):
    """A sequential variational autoencoder: latents z_t between what was heard and what comes.

    context   h_t = GRU(h_(t-1), [x_t, z_(t-1)])
    prior     p(z_t) = N(m_t, s_t), of z_(t-1) and h_t
    emission  y_t = silu(W [h_t, z_t] + b)
    inference q(z_t) = N(m_t + d_t, s'_t), of h_t, z_(t-1) and what is heard from t on

    p and q are networks with one hidden layer; where z_t reads z_(t-1), m_t is a gated sum of a
    linear map and a proposal (Krishnan, Shalit and Sontag 2017), and q corrects the prior's mean
    (Fraccaro et al. 2016). Which of the edges there are:

    memory: h_t reads h_(t-1); without, h_t is x_t itself. reads_input: h_t reads the step heard;
    without, only what stands behind it in x_t, and music is heard through q alone.
    latent_to_memory: h_t reads z_(t-1). latent_to_latent: z_t reads z_(t-1).
    memory_to_latent: z_t reads h_t. memory_to_output: y_t reads h_t. Without an edge into z_t its
    prior is N(0, 1). smoothing: q reads all that is heard from t on through a GRU that runs
    backwards; without, only the step heard at t.

    STORN (Bayer and Osendorfer 2014) has its own recurrent network for q and one hidden state that
    has read z_t; here that state is the pair (h_t, z_t), and q reads h_t.

    Shapes: x (B, T, input_size), y (B, T, size). latent_size: numbers in z_t.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        latent_size: int = 32,
        memory: bool = True,
        reads_input: bool = True,
        latent_to_memory: bool = True,
        latent_to_latent: bool = False,
        memory_to_latent: bool = True,
        memory_to_output: bool = True,
        smoothing: bool = False,
        learned_initial_state: Learned = False,
        columns: int | None = None,
    ) -> None:
        super().__init__()
        if min(input_size, size, latent_size) < 1:
            raise UsageError(
                f"A layer of {input_size} inputs, {size} units and {latent_size} latents can't be; "
                "give 1 or more of each."
            )
        if latent_to_memory and not memory:
            raise UsageError("Latents can't reach a memory that isn't there; give memory = true.")
        self.input_size, self.output_size = input_size, size
        self.latent_size, self.noise_size = latent_size, 2 * latent_size
        self.columns = input_size if columns is None else columns
        self.latent_to_memory, self.latent_to_latent = latent_to_memory, latent_to_latent
        self.memory_to_latent, self.memory_to_output = memory_to_latent, memory_to_output
        self._first_input = 0 if reads_input else self.columns
        inputs = input_size - self._first_input
        past = latent_size if latent_to_latent else 0
        context = size if memory else inputs
        self.memory: Gru | None = None
        if memory:
            self.memory = Gru(
                inputs + latent_to_memory * latent_size,
                size,
                learned_initial_state=learned_initial_state,
            )
        self.backward_gru = Gru(self.columns, size) if smoothing else None
        self.prior: Prior | None = None
        if memory_to_latent or latent_to_latent:
            self.prior = Prior(memory_to_latent * context, past, size, latent_size)
        evidence = size if smoothing else self.columns
        self.posterior = two_layers(context + past + evidence, size, 2 * latent_size)
        self.emission = nn.Sequential(
            nn.Linear(memory_to_output * context + latent_size, size), nn.SiLU()
        )
        self._context, self._past = context, past
        self._add_initial(past, learned=learned_initial_state if past else False)

    def initial_state(self, batch_size: int) -> VariationalState:
        """The state before the first step, batch_size rows: zeros or learned."""
        z = self.initial_row().repeat(batch_size, 1)
        if self.memory is None:
            return VariationalState(z.new_zeros(batch_size, self._context), z)
        return VariationalState(self.memory.initial_state(batch_size).h, z)

    def step(
        self,
        x: Tensor,
        state: VariationalState,
        dt: Tensor | float = 1.0,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, VariationalState]:
        """One step: z_(t-1) as what was heard, x (B, input_size), tells it; z_t from the prior.

        noise (B, 2 Z): of z_(t-1), then of z_t. y (B, size).
        """
        looking_back, looking_ahead = _halves(noise)
        z = self._heard(x, state, looking_back)
        h = self._reads(x, state.h, z)
        y = self._emit(h, self._expect(h, z).draw(looking_ahead))
        return y, VariationalState(h, z[:, : self._past])

    def infer(
        self,
        x: Tensor,
        heard: Tensor,
        state: VariationalState | None = None,
        *,
        noise: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
        particles: int = 1,
        choose: Choose | None = None,
    ) -> Inferred:
        """As in `Latent`: of noise (B * particles, T, 2 Z), the second half is that of z_t; the
        first only counts where a stretch begins and z_(t-1) has to be drawn as `step` does."""
        batch, time, _ = x.shape
        state = self.initial_state(batch) if state is None else state
        contexts = None if self.latent_to_memory else self._all_contexts(x, state, reset)
        evidence = self._evidence(heard[..., : self.columns], reset, lengths)
        per_particle = partial(torch.repeat_interleave, repeats=particles, dim=0)
        x, evidence = per_particle(x), per_particle(evidence)
        contexts = None if contexts is None else per_particle(contexts)
        no_reset = torch.zeros(batch, time, dtype=torch.bool, device=x.device)
        reset = per_particle(no_reset if reset is None else reset)
        begins = reset.any(0).tolist()
        state, anew = tree_map(per_particle, state), self.initial_state(len(x))
        h, z = state.h, state.z
        drawn: list[tuple[Tensor, ...]] = []
        states: list[VariationalState] = []
        for t in range(time):
            looking_back, looking_ahead = _halves(None if noise is None else noise[:, t])
            if t == 0 or begins[t]:
                start = where(reset[:, t], anew, state)
                entering = start.h, self._heard(x[:, t], start, looking_back)
                h, z = entering if t == 0 else where(reset[:, t], entering, (h, z))
            h = self._reads(x[:, t], h, z) if contexts is None else contexts[:, t]
            prior = self._expect(h, z)
            posterior = self._believe(prior, h, z, evidence[:, t])
            now = posterior.draw(looking_ahead)
            drawn.append((h, now, *prior, *posterior))
            if choose is not None:
                log_ratio = posterior.log_prob(now) - prior.log_prob(now)
                chosen = choose(t, self._emit(h, now), log_ratio)
                if chosen is not None:
                    h, z, now = h[chosen], z[chosen], now[chosen]
            states.append(VariationalState(h, z[:, : self._past]))
            z = now
        hs, zs, *beliefs = (torch.stack(parts, dim=1) for parts in zip(*drawn, strict=True))
        kl = Normal(*beliefs[2:]).kl(Normal(*beliefs[:2]))
        after = states[-1] if lengths is None else _at(per_particle(lengths), state, states)
        return Inferred(self._emit(hs, zs), kl, after)

    def _reads(self, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        """h_t (B, C) of x_t, h_(t-1) and z_(t-1)."""
        x = x[:, self._first_input :]
        if self.memory is None:
            return x
        x = torch.cat([x, z], dim=1) if self.latent_to_memory else x
        h, _ = self.memory.step(x, GruState(h))
        return h

    def _all_contexts(self, x: Tensor, state: VariationalState, reset: Tensor | None) -> Tensor:
        """h (B, T, C) at once, where it reads no latents."""
        x = x[..., self._first_input :]
        if self.memory is None:
            return x
        hs: Tensor = self.memory(x, GruState(state.h), reset=reset)[0]
        return hs

    def _expect(self, h: Tensor, z: Tensor) -> Normal:
        """p(z_t) given h_t and z_(t-1)."""
        if self.prior is None:
            zeros = h.new_zeros(len(h), self.latent_size)
            return Normal(zeros, torch.ones_like(zeros))
        prior: Normal = self.prior(h if self.memory_to_latent else h[:, :0], z[:, : self._past])
        return prior

    def _believe(self, prior: Normal, h: Tensor, z: Tensor, evidence: Tensor) -> Normal:
        """q(z_t) given its prior, h_t, z_(t-1) and what is heard from t on."""
        read = torch.cat([h, z[:, : self._past], evidence], dim=1)
        correction, spread = self.posterior(read).chunk(2, dim=1)
        return Normal(prior.mean + correction, positive(spread))

    def _heard(self, x: Tensor, state: VariationalState, noise: Tensor | None) -> Tensor:
        """z_(t-1), now that x_t tells the step it led to; its future isn't known yet."""
        prior = self._expect(state.h, state.z)
        evidence = self._evidence(x[:, None, : self.columns], None, None)[:, 0]
        return self._believe(prior, state.h, state.z, evidence).draw(noise)

    def _evidence(self, heard: Tensor, reset: Tensor | None, lengths: Tensor | None) -> Tensor:
        """What q reads of heard (B, T, columns) at each t: (B, T, columns or size)."""
        if self.backward_gru is None:
            return heard
        time = heard.shape[1]
        if time == 1:
            # A step by itself: kernels for sequences can't be linearised.
            start = self.backward_gru.initial_state(len(heard))
            return self.backward_gru.step(heard[:, 0], start)[0].unsqueeze(1)
        # Backwards, a piece begins at its last step: before a reset, and where its row ends.
        is_last = torch.zeros(heard.shape[:2], dtype=torch.bool, device=heard.device)
        if reset is not None:
            is_last[:, :-1] |= reset[:, 1:]
        if lengths is not None:
            is_last |= torch.arange(time, device=heard.device) == (lengths - 1).unsqueeze(1)
        backwards = is_last.flip(1) if reset is not None or lengths is not None else None
        read: Tensor = self.backward_gru(heard.flip(1), reset=backwards)[0]
        return read.flip(1)

    def _emit(self, h: Tensor, z: Tensor) -> Tensor:
        """y_t (..., size) of h_t and z_t."""
        y: Tensor = self.emission(torch.cat([h, z], dim=-1) if self.memory_to_output else z)
        return y


def _at(
    lengths: Tensor, before: VariationalState, after: list[VariationalState]
) -> VariationalState:
    """Each row's state after its first lengths (N,) steps."""
    path = tree_map(lambda *parts: torch.stack(parts, dim=1), before, *after)
    rows = torch.arange(len(lengths), device=lengths.device)
    at: VariationalState = tree_map(lambda parts: parts[rows, lengths], path)
    return at


def _halves(noise: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    if noise is None:
        return None, None
    first, second = noise.chunk(2, dim=1)
    return first, second


_srnn = partial(Variational, latent_to_memory=False, latent_to_latent=True, smoothing=True)

FLAVOURS: dict[str, Flavour] = {
    "storn": Flavour(
        partial(Variational, memory_to_latent=False), "belief", "Bayer and Osendorfer 2014"
    ),
    "vrnn": Flavour(Variational, "belief", "Chung et al. 2015"),
    "srnn": Flavour(_srnn, "belief", "Fraccaro et al. 2016"),
    "dmm": Flavour(
        partial(_srnn, memory=False, reads_input=False, memory_to_output=False),
        "belief",
        "Krishnan, Shalit and Sontag 2017",
    ),
}
