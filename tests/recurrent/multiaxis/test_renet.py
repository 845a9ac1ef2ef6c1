from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.multiaxis import ReNet


def test_every_place_sees_the_whole_image_and_no_other() -> None:
    torch.manual_seed(0)
    net = ReNet(6, 5, patch=2)
    image = torch.randn(2, 4, 3, 2, requires_grad=True)
    for t in range(4):
        for place in range(3):
            (gradient,) = torch.autograd.grad(net.sweep(image)[0, t, place].sum(), image)
            assert (gradient[0].abs().sum(-1) > 0).all()
            assert not gradient[1].any()


def test_a_sequence_is_an_image_line_by_line() -> None:
    net = ReNet(6, 5, patch=2)
    x = torch.randn(2, 4, 6)
    y = net(x)
    assert y.shape == (2, 4, net.output_size) == (2, 4, 3 * 10)
    expected = net.sweep(x.view(2, 4, 3, 2)).reshape(2, 4, -1)
    torch.testing.assert_close(y, expected, atol=0, rtol=0)


def test_mirrored_images_give_mirrored_outputs_when_directions_are_swapped() -> None:
    torch.manual_seed(0)
    net = ReNet(3, 4).double()
    other = ReNet(3, 4).double()
    other.load_state_dict(net.state_dict())
    other.along.ahead, other.along.back = net.along.back, net.along.ahead
    image = torch.randn(1, 5, 3, 1, dtype=torch.float64)
    plain, mirrored = net.sweep(image), other.sweep(image.flip(1)).flip(1)
    torch.testing.assert_close(mirrored, torch.cat([plain[..., 4:], plain[..., :4]], -1))


def test_padding_is_never_read_and_never_written() -> None:
    net = ReNet(3, 4)
    x, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 0])
    poisoned = x.clone()
    for row, length in enumerate(lengths):
        poisoned[row, length:] = 1e6
    y = net(poisoned, lengths)
    torch.testing.assert_close(y[1:2, :2], net(x[1:2, :2]))
    assert not y[1, 2:].any()
    assert not y[2].any()


def rectangles(count: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Two opposite corners of a rectangle, (B, 6, 6), and the rectangle itself."""
    rows = torch.randint(0, 6, (count, 2), generator=rng).sort(1).values
    columns = torch.randint(0, 6, (count, 2), generator=rng).sort(1).values
    at, each = torch.arange(6), torch.arange(count)
    corners = torch.zeros(count, 6, 6)
    corners[each, rows[:, 0], columns[:, 0]] = corners[each, rows[:, 1], columns[:, 1]] = 1.0
    inside_rows = (at >= rows[:, :1]) & (at <= rows[:, 1:])
    inside_columns = (at >= columns[:, :1]) & (at <= columns[:, 1:])
    return corners, (inside_rows.unsqueeze(2) & inside_columns.unsqueeze(1)).float()


def test_it_learns_to_fill_rectangles_from_their_corners() -> None:
    """What is inside depends on corners in two directions, which no place sees by itself."""
    torch.manual_seed(0)
    net, readout = ReNet(6, 12), nn.Linear(24, 1)
    parameters = [*net.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-2)
    rng = torch.Generator().manual_seed(0)
    for _ in range(200):
        corners, wanted = rectangles(32, rng)
        logits = readout(net.sweep(corners.unsqueeze(3)))[..., 0]
        loss = F.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    corners, wanted = rectangles(400, rng)
    with torch.no_grad():
        logits = readout(net.sweep(corners.unsqueeze(3)))[..., 0]
    other = corners == 0
    wrong = ((logits > 0) != (wanted > 0))[other].float().mean()
    # Without a look around, "outside" is the best that can be said where there is no corner.
    blind = wanted[other].mean()
    assert wrong < 0.25 * blind


def test_inputs_that_cannot_be_cut_are_refused() -> None:
    with pytest.raises(UsageError, match="patches"):
        ReNet(7, 4, patch=2)
