import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.heads import Controls, NadeHead, nade
from rnnmusic.heads.nade_kernel import plan


def head_and_hidden(rows: int, columns: int = 12) -> tuple[NadeHead, Tensor]:
    head = NadeHead(5, (2,) * columns, width=7).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.7)
    return head, torch.randn(rows, 5).double()


def gradients(head: NadeHead, hidden: Tensor, nats: Tensor) -> list[Tensor]:
    weights = torch.linspace(-1, 2, len(nats)).double()
    return list(torch.autograd.grad(nats @ weights, [hidden, *head.parameters()]))


frames = st.lists(
    st.one_of(
        st.just([0] * 12),
        st.just([1] * 12),
        st.lists(st.integers(0, 1), min_size=12, max_size=12),
    ),
    min_size=1,
    max_size=9,
)


@given(frames=frames, seed=st.integers(0, 999), at_once=st.sampled_from([1, 20, 8192]))
@settings(max_examples=60, deadline=None)
def test_the_sparse_form_equals_the_dense_one(
    frames: list[list[int]], seed: int, at_once: int
) -> None:
    torch.manual_seed(seed)
    head, hidden = head_and_hidden(len(frames))
    hidden.requires_grad_()
    value = torch.tensor(frames, dtype=torch.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nade, "_STATES_AT_ONCE", at_once)
        sparse = head.log_prob(hidden, value)
    dense = head.dense_log_prob(hidden, value)
    torch.testing.assert_close(sparse, dense, atol=1e-10, rtol=0)
    both = zip(gradients(head, hidden, sparse), gradients(head, hidden, dense), strict=True)
    for ours, reference in both:
        torch.testing.assert_close(ours, reference, atol=1e-10, rtol=1e-10)


def test_float32_frames_like_music_differ_by_less_than_1e_5() -> None:
    torch.manual_seed(0)
    head = NadeHead(64, (2,) * 88)
    value = torch.rand(500, 88) < 4 / 88
    head.initialise_bias(value)
    hidden = torch.randn(500, 64)
    difference = head.log_prob(hidden, value) - head.dense_log_prob(hidden, value)
    assert difference.abs().max() <= 1e-5


def test_a_frame_has_one_state_more_than_notes() -> None:
    active = torch.rand(50, 20) < 0.2
    active[7] = False
    layout = plan(active)
    assert sum(layout.alive) == 50 + int(active.sum())
    # Each column of each frame is read exactly once.
    owned = torch.zeros(50, 20)
    for read in layout.reads:
        owned[read.frames, read.columns] += layout.rank[read.frames, read.columns] == read.rank
    assert torch.equal(owned, torch.ones(50, 20))


def test_work_in_one_go_is_bounded() -> None:
    active = torch.rand(3000, 40) < 0.5
    active[5] = True
    parts = nade._parts(active)
    assert [part.stop for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert (parts[0].start, parts[-1].stop) == (0, 3000)
    states = [int((active[part].sum(1) + 1).sum()) for part in parts]
    assert max(states) <= nade._STATES_AT_ONCE + 41


def test_no_frames_at_all() -> None:
    head, hidden = head_and_hidden(0)
    assert head.log_prob(hidden, torch.zeros(0, 12)).shape == (0,)


def test_sampling_agrees_with_deciding_one_column_after_another() -> None:
    """The jump to the next note against the definition, with the same dice."""
    torch.manual_seed(0)
    head, hidden = head_and_hidden(300)
    drawn = head.sample(hidden, Controls(), torch.Generator().manual_seed(5))
    dice = torch.rand(300, 12, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    bias, state = head.visible_bias(hidden), head.hidden_bias(hidden)
    for d in range(12):
        p = torch.sigmoid(bias[:, d] + torch.sigmoid(state) @ head.readout[d])
        on = (dice[:, d] < p).long()
        assert torch.equal(drawn[:, d], on)
        state = state + on.unsqueeze(1) * head.weight[d]


def test_autocast_keeps_the_likelihood_in_full_precision() -> None:
    head = NadeHead(5, (2,) * 12)
    hidden = torch.randn(4, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nats = head.log_prob(hidden, torch.rand(4, 12) < 0.3)
    assert nats.dtype == torch.float32
    nats.sum().backward()
