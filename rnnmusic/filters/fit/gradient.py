"""Any learnable filter by gradient descent: for losses and forms that have no faster way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.fit.systems import spectra_of
from rnnmusic.filters.fit.targets import Levels, Recording, Response

if TYPE_CHECKING:
    from torch import Tensor

    from rnnmusic.filters.modules import Filter

#: FFT sizes of the multi-resolution loss; hops are a quarter of each.
RESOLUTIONS = (256, 1024, 4096)
#: What L-BFGS has to gain on the start, as a part of it, before Adam isn't tried.
_PROGRESS = 1e-3


def learn(
    module: Filter,
    target: Levels | Response | Recording,
    *,
    loss: Literal["error", "spectral"] = "error",
    steps: int = 200,
    learning_rate: float = 1e-2,
) -> tuple[float, float]:
    """Move a filter's parameters nearer to a target; returns the loss before and after.

    loss "error": the mean square of the error in dB, of the complex response relative to the
    target's, or of the output relative to its power. "spectral", for recordings: the
    multi-resolution spectral loss, deaf to phase. L-BFGS with a strong Wolfe line search; where
    that gets nowhere, as on losses with kinks, Adam. Parameters end where the loss was least.
    Errors: UsageError for a loss that the target doesn't have or channels that don't match.
    """
    import torch

    if loss == "spectral" and not isinstance(target, Recording):
        raise UsageError("The spectral loss compares sounds; give a recording.")
    objective = _objective(module, target, loss)
    parameters = [p for p in module.parameters() if p.requires_grad]
    with torch.no_grad():
        before = float(objective())
    if not np.isfinite(before):
        raise InputError("The filter's output isn't finite on this target; begin with another.")
    best = [before]
    kept = [p.detach().clone() for p in parameters]

    def remember(value: float) -> None:
        if value < best[0]:
            best[0] = value
            for store, parameter in zip(kept, parameters, strict=True):
                store.copy_(parameter.detach())

    def run(optimiser: torch.optim.Optimizer, times: int) -> None:
        def closure() -> float:
            optimiser.zero_grad()
            value = objective()
            value.backward()  # type: ignore[no-untyped-call]
            remember(float(value.detach()))
            return float(value.detach())

        for _ in range(times):
            optimiser.step(closure)
            if not all(bool(torch.isfinite(p).all()) for p in parameters):
                break
        with torch.no_grad():
            for store, parameter in zip(kept, parameters, strict=True):
                parameter.copy_(store)

    second_order = torch.optim.LBFGS(
        parameters,
        max_iter=steps,
        history_size=20,
        tolerance_grad=1e-14,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )
    run(second_order, 1)
    if best[0] > (1 - _PROGRESS) * before:
        run(torch.optim.Adam(parameters, lr=learning_rate), steps)
    return before, best[0]


def multi_resolution_loss(output: Tensor, target: Tensor) -> Tensor:
    """Distance between the short-time spectra of two sounds (channels, T), at several resolutions.

    Spectral convergence plus the mean difference of log magnitudes (Yamamoto, Song & Kim, Parallel
    WaveGAN, 2020, equations 4 to 6), averaged over FFT sizes of RESOLUTIONS that fit.
    """
    import torch

    sizes = [size for size in RESOLUTIONS if size <= target.shape[-1]] or [target.shape[-1]]
    total = torch.zeros((), dtype=output.dtype)
    for size in sizes:
        window = torch.hann_window(size, dtype=output.dtype)
        spectra = [
            torch.stft(x, size, size // 4, window=window, center=False, return_complex=True)
            for x in (output, target)
        ]
        # The square root of nothing has no slope.
        heard, wanted = ((s.real**2 + s.imag**2 + 1e-14).sqrt() for s in spectra)
        convergence = torch.linalg.norm(heard - wanted) / torch.linalg.norm(wanted)
        total = total + convergence + (heard.log() - wanted.log()).abs().mean()
    return total / len(sizes)


def _objective(
    module: Filter, target: Levels | Response | Recording, loss: str
) -> Callable[[], Tensor]:
    import torch

    def tensor(values: object) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values))

    if isinstance(target, Recording):
        if (module.inputs, module.outputs) != (len(target.input), len(target.output)):
            raise UsageError(
                f"The filter has {module.inputs} inputs and {module.outputs} outputs, the recording"
                f" {len(target.input)} and {len(target.output)}; make them match."
            )
        into, out = tensor(target.input), tensor(target.output)
        power = out.square().mean()

        def of_sound() -> Tensor:
            heard = module(into)
            if loss == "spectral":
                return multi_resolution_loss(heard, out)
            error: Tensor = (heard - out).square().mean() / power
            return error

        return of_sound
    omega = tensor(target.omega)
    if isinstance(target, Response):
        aim, weight = tensor(target.response), tensor(spectra_of(target).weight)

        def of_response() -> Tensor:
            difference = (module.response(omega) - aim) * weight
            error: Tensor = (difference.real**2 + difference.imag**2).mean()
            return error

        return of_response
    level, weight = tensor(target.level_db), tensor(target.weight)
    ceiling = tensor(target.is_ceiling)

    def of_levels() -> Tensor:
        response = module.response(omega)
        reached = 10 * (response.real**2 + response.imag**2 + 1e-30).log10()
        error = (reached - level) * weight
        return torch.where(ceiling, error.clamp(min=0), error).square().mean()

    return of_levels
