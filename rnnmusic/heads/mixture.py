"""Frames of real numbers: a mixture of Gaussians over whole frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator as Rng
from torch import Tensor, nn

from rnnmusic.embeddings import Standardisation
from rnnmusic.errors import UsageError
from rnnmusic.heads.categorical import choose
from rnnmusic.heads.protocol import Controls, Head, normal, uniform

#: Least standard deviation of a component, in units of a column's own spread: without it frames
#: that repeat exactly, such as silence, would be worth an infinite density. The largest is 1: a
#: component as wide as all of the data says nothing, and a wider one draws noise.
SMALLEST_SIGMA = 0.03
# Raw spreads start here, a little below the widest.
_FIRST_SPREAD = 3.0

# Numbers of a mixture that are looked at together: a few megabytes, however long the pieces.
_NUMBERS_AT_ONCE = 1 << 21


class GaussianMixtureHead(Head):
    """p(v | h) = sum over k of w_k prod over d of N(z_d; m_kd, s_kd) / scale_d.

    A mixture density network (Bishop 1994) as the output of a recurrent one (Graves 2013, section
    4): `components` Gaussians with diagonal covariance, whose weights w = softmax(A h), means m
    and standard deviations s = 0.03 ** sigmoid(-B h) the hidden units set. z = (v - mean) / scale
    are the columns standardised by `initialise_bias`; dividing by scale makes the density one of
    v itself, in the encoding's own units. It may exceed 1, so its nats may have either sign.

    Shapes: hidden (..., hidden_size), value (..., F) of real numbers. Given the component, columns
    are independent: what bands of a frame have to agree on, the choice of the component says.
    """

    name = "gaussian-mixture"
    columns = "real"
    kind = "exact"

    def __init__(self, hidden_size: int, sizes: Sequence[int], *, components: int = 8) -> None:
        super().__init__(hidden_size, sizes)
        if components < 1:
            raise UsageError(
                f"The gaussian-mixture head got {components} components; give 1 or more."
            )
        self.components = components
        numbers = components * len(sizes)
        self.standardisation = Standardisation(len(sizes))
        self.lowest: Tensor
        self.highest: Tensor
        self.register_buffer("lowest", torch.full((len(sizes),), -torch.inf))
        self.register_buffer("highest", torch.full((len(sizes),), torch.inf))
        self.weights = nn.Linear(hidden_size, components)  # log w, but for a constant
        self.means = nn.Linear(hidden_size, numbers)
        self.spreads = nn.Linear(hidden_size, numbers)  # how wide, from -inf to inf

    def log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """Nats of value (..., F) given hidden (..., hidden_size): shape (...)."""
        frames, values = self._frames(hidden, value)
        standard = self.standardisation(values)
        rows = max(1, _NUMBERS_AT_ONCE // (self.components * len(self.sizes)))
        parts = zip(torch.split(frames, rows), torch.split(standard, rows), strict=True)
        nats = torch.cat([self._standard_log_prob(*part) for part in parts])
        return (nats - self.standardisation.scale.log().sum()).reshape(hidden.shape[:-1])

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), of hidden's dtype, given hidden (B, hidden_size).

        A component by its weight, under both controls, then each column from its Gaussian with
        the variance times the temperature (Ha and Eck 2017, equation 8); at temperature 0 it is
        the mean of the component with the largest weight. What lies beyond all that
        `initialise_bias` has seen of a column is moved to the edge: in decibels the tail of a
        Gaussian is a bang.
        """
        logits, means, sigmas = self._mixture(hidden)
        # All dice are always cast: they don't depend on the controls.
        dice = uniform((len(hidden),), hidden, rng)
        noise = normal((len(hidden), len(self.sizes)), hidden, rng).to(means.dtype)
        chosen = choose(logits, dice, controls)
        rows = torch.arange(len(hidden), device=hidden.device)
        spread = math.sqrt(controls.temperature) * sigmas[rows, chosen]
        standard = means[rows, chosen] + spread * noise
        value = self.standardisation.inverse(standard)
        return value.clamp(self.lowest, self.highest).to(hidden.dtype)

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from the mean, the spread and the range of each column in steps (N, F)."""
        self.standardisation.fit(steps)
        self.lowest.copy_(steps.amin(0))
        self.highest.copy_(steps.amax(0))
        nn.init.zeros_(self.weights.bias)
        nn.init.zeros_(self.means.bias)
        nn.init.constant_(self.spreads.bias, _FIRST_SPREAD)

    def _standard_log_prob(self, frames: Tensor, standard: Tensor) -> Tensor:
        """Nats (N,) of standardised values (N, F)."""
        logits, means, sigmas = self._mixture(frames)
        errors = (standard.unsqueeze(1) - means) / sigmas  # (N, components, F)
        nats = -(0.5 * errors.square() + sigmas.log()).sum(2)
        nats = nats - 0.5 * math.log(2 * math.pi) * len(self.sizes)
        return torch.logsumexp(logits.log_softmax(1) + nats, 1)

    def _mixture(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, components), means and standard deviations (N, components, F).

        In the precision of the buffers: the likelihood keeps it also inside autocast.
        """
        dtype = self.standardisation.mean.dtype
        shape = (len(frames), self.components, len(self.sizes))
        logits, means = self.weights(frames).to(dtype), self.means(frames).to(dtype)
        narrowness = torch.sigmoid(-self.spreads(frames).to(dtype))  # 0 to 1
        sigmas = torch.exp(math.log(SMALLEST_SIGMA) * narrowness)
        return logits, means.view(shape), sigmas.view(shape)
