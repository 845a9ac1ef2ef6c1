from __future__ import annotations

import pytest
import torch
from torch import nn

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig
from rnnmusic.learning.pairs import fit_pairs, whole_answers
from rnnmusic.recurrent import Gru, Lstm, Recurrent, tree_map
from rnnmusic.recurrent.multiaxis import Bidirectional
from rnnmusic.recurrent.seq2seq import Attention, SequenceToSequence
from rnnmusic.tasks import Reversal

SOURCE = torch.tensor([[1, 2, 3, 4], [4, 3, 0, 0], [2, 0, 0, 0]])
SIZES = torch.tensor([4, 2, 1])
ANSWER = torch.tensor([[4, 3, 2], [3, 4, 0], [1, 0, 0]])
ANSWER_SIZES = torch.tensor([3, 2, 1])


def model(
    *, attention: bool = True, both_ways: bool = False, decoder: type[Recurrent] = Gru
) -> SequenceToSequence:
    torch.manual_seed(0)
    encoder = Bidirectional(Gru(6, 4), Lstm(6, 5)) if both_ways else Lstm(6, 7)
    made = SequenceToSequence(
        encoder,
        decoder(6 + encoder.output_size, 8),  # type: ignore[call-arg]
        5,
        attention=attention,
    )
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)
    return made.double().eval()


KINDS = [{}, {"attention": False}, {"both_ways": True}, {"decoder": Lstm}]


def test_attention_is_the_papers_equations() -> None:
    torch.manual_seed(0)
    attention = Attention(4, 3).double()
    h, memory = torch.randn(2, 5, 4).double(), torch.randn(2, 6, 3).double()
    mask = (torch.arange(6) < torch.tensor([[6], [2]])).double()
    y, weights = attention(h, memory, mask)
    for row, length in enumerate((6, 2)):
        for t in range(5):
            scores = [h[row, t] @ attention.score.weight.T @ memory[row, s] for s in range(length)]
            a = torch.stack(scores).softmax(0)
            torch.testing.assert_close(weights[row, t, :length], a)
            assert not weights[row, t, length:].any()
            found = torch.cat([h[row, t], a @ memory[row, :length]])
            torch.testing.assert_close(y[row, t], attention.combine(found).tanh())
    _, nothing = attention(h, memory, torch.zeros_like(mask))
    assert not nothing.any()


@pytest.mark.parametrize("kind", KINDS)
def test_teacher_forcing_equals_step_by_step(kind) -> None:  # type: ignore[no-untyped-def]
    net = model(**kind)
    logits = net(SOURCE, SIZES, ANSWER)
    assert logits.shape == (3, 4, 6)
    state, previous = net.encode(SOURCE, SIZES), torch.full((3,), net.end)
    for t in range(4):
        stepped, state = net.step(previous, state)
        alive = t <= ANSWER_SIZES
        torch.testing.assert_close(stepped[alive], logits[alive, t], atol=1e-10, rtol=0)
        previous = ANSWER[:, min(t, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_other_rows_change_nothing(kind) -> None:  # type: ignore[no-untyped-def]
    net = model(**kind)
    whole = net(SOURCE, SIZES, ANSWER)
    for row in range(3):
        size, wanted = int(SIZES[row]), int(ANSWER_SIZES[row])
        alone = net(
            SOURCE[row : row + 1, :size],
            SIZES[row : row + 1],
            ANSWER[row : row + 1, :wanted],
        )
        torch.testing.assert_close(whole[row, : wanted + 1], alone[0], atol=1e-10, rtol=0)


def test_the_state_is_a_value() -> None:
    net = model()
    state = net.encode(SOURCE, SIZES)
    kept = tree_map(torch.clone, state)
    symbols = torch.tensor([1, 2, 3])
    first, after = net.step(symbols, state)
    net.step(symbols, after)
    net.generate(SOURCE, SIZES, max_steps=4)
    assert torch.equal(net.step(symbols, state)[0], first)
    tree_map(lambda a, b: torch.testing.assert_close(a, b, atol=0, rtol=0), state, kept)
    # Rows are independent: a choice of them goes on alike.
    chosen = tree_map(lambda part: part[1:2], after)
    torch.testing.assert_close(net.step(symbols[1:2], chosen)[0], net.step(symbols, after)[0][1:2])


def test_the_loss_counts_symbols_and_ends_and_nothing_else() -> None:
    net = model()
    logits = net(SOURCE, SIZES, ANSWER)
    log_p = logits.log_softmax(2)
    terms = []
    for row in range(3):
        size = int(ANSWER_SIZES[row])
        for t, symbol in enumerate([*ANSWER[row, :size].tolist(), net.end]):
            terms.append(-log_p[row, t, symbol])
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(net.loss(SOURCE, SIZES, ANSWER, ANSWER_SIZES), expected)
    poisoned = ANSWER.clone()
    poisoned[1, 2] = poisoned[2, 1:] = 4
    torch.testing.assert_close(net.loss(SOURCE, SIZES, poisoned, ANSWER_SIZES), expected)


def test_greedy_answers_are_the_likeliest_symbols_until_the_end() -> None:
    net = model()
    answers, lengths = net.generate(SOURCE, SIZES, max_steps=9)
    state, previous = net.encode(SOURCE, SIZES), torch.full((3,), net.end)
    for t in range(answers.shape[1]):
        logits, state = net.step(previous, state)
        alive = t <= lengths
        assert torch.equal(answers[alive, t], logits.argmax(1)[alive])
        previous = answers[:, t]
    for row, length in enumerate(lengths.tolist()):
        assert (answers[row, :length] != net.end).all()
        assert (answers[row, length:] == net.end).all()


def test_sampled_answers_have_the_probabilities_of_the_model() -> None:
    net = model()
    rows = 3000
    source, sizes = SOURCE[:1].expand(rows, -1), SIZES[:1].expand(rows)
    rng = torch.Generator().manual_seed(0)
    answers, _ = net.generate(source, sizes, max_steps=1, temperature=1.7, rng=rng)
    logits, _ = net.step(torch.tensor([net.end]), net.encode(SOURCE[:1], SIZES[:1]))
    p = (logits[0] / 1.7).softmax(0)
    found = torch.bincount(answers[:, 0], minlength=6) / rows
    assert ((found - p).abs() < 5 * (p * (1 - p) / rows).sqrt()).all()
    again, _ = net.generate(
        source, sizes, max_steps=1, temperature=1.7, rng=torch.Generator().manual_seed(0)
    )
    assert torch.equal(again, answers)


def test_it_learns_to_reverse_strings_exactly() -> None:
    """No decoder without its source could: guesses at 2 of 4 symbols are right once in 16."""
    torch.manual_seed(0)
    task = Reversal(4, symbols=4)
    net = SequenceToSequence(Gru(8, 24), Gru(32, 24), 5)
    config = FitConfig(
        updates=400, learning_rate=1e-2, batch_size=32, target=0.97, check_every=25, tests=128
    )
    found = fit_pairs(net, task, config)
    assert found.score > 0.95
    blind = SequenceToSequence(Gru(8, 24), Gru(32, 24), 5)
    assert whole_answers(blind, task, 128) < 0.2


def test_whole_answers_counts_lengths_too() -> None:
    class Knowing(SequenceToSequence):
        """Answers rightly, and goes on for `extra` symbols."""

        extra = 0

        def generate(self, source, lengths, **_: object):  # type: ignore[no-untyped-def, override]
            answers = torch.full((len(source), int(lengths.max()) + 1), self.end)
            for row, size in enumerate(lengths.tolist()):
                answers[row, :size] = source[row, :size].flip(0)
                answers[row, size : size + self.extra] = 1
            return answers, lengths + self.extra

    net = Knowing(Gru(8, 4), Gru(12, 4), 5)
    task = Reversal(4, symbols=4)
    assert whole_answers(net, task, 64) == 1.0
    Knowing.extra = 1
    assert whole_answers(net, task, 64) == 0.0


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="decoder reads"):
        SequenceToSequence(Gru(6, 4), Gru(6, 8), 5)
    with pytest.raises(UsageError, match="max_steps"):
        model().generate(SOURCE, SIZES, max_steps=0)
    with pytest.raises(UsageError, match="temperature"):
        model().generate(SOURCE, SIZES, max_steps=2, temperature=-1.0)


def test_gradients_reach_everything() -> None:
    net = model(both_ways=True)
    net.loss(SOURCE, SIZES, ANSWER, ANSWER_SIZES).backward()  # type: ignore[no-untyped-call]
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_words_are_hidden_in_training_alone() -> None:
    torch.manual_seed(0)
    encoder = Lstm(6, 7)
    made = SequenceToSequence(encoder, Gru(13, 8), 5, word_dropout=0.5).double()
    whole = made.eval()(SOURCE, SIZES, ANSWER)
    torch.testing.assert_close(made(SOURCE, SIZES, ANSWER), whole)
    hidden = [made.train()(SOURCE, SIZES, ANSWER) for _ in range(2)]
    assert not torch.equal(*hidden)
    made.word_dropout = 0.0
    torch.testing.assert_close(made(SOURCE, SIZES, ANSWER), whole)
    with pytest.raises(UsageError, match="word_dropout"):
        SequenceToSequence(encoder, Gru(13, 8), 5, word_dropout=1.0)
