"""Matrix products for training on the CPU, by the faster of torch's two libraries."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# Pixels of an image; with fewer the convolution is the slower one.
_PIXELS = (128, 64, 32, 16)
# Images of a batch: with fewer torch doesn't use oneDNN for a convolution of one pixel.
_FEWEST_IMAGES = 16


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`: x (..., I), weight (O, I), bias (O,) -> (..., O).

    Many rows in single precision on a CPU run as a convolution of one pixel, there and back: torch
    has oneDNN compute those, and MKL other products. On one thread of an EPYC of 2024 these do 160
    and 75 GFLOP/s.
    """
    rows = x.numel() // max(1, x.shape[-1])
    pixels = next((n for n in _PIXELS if rows % n == 0), 0)
    if (
        not pixels
        or rows // pixels < _FEWEST_IMAGES
        or x.device.type != "cpu"
        or x.dtype != torch.float32
        or not torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    ):
        return F.linear(x, weight, bias)
    images = x.reshape(rows // pixels, pixels, 1, x.shape[-1]).permute(0, 3, 1, 2)
    y = F.conv2d(images, weight[:, :, None, None], bias)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))
