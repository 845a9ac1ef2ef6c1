from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rnnmusic.live.messages import control_change, note_off, note_on, panic
from rnnmusic.live.sending.ledger import Ledger
from tests.live.playing import Synthesiser

KEYS = st.tuples(st.integers(0, 2), st.sampled_from([0, 60, 61, 127]))
PEDALS = st.tuples(st.integers(0, 2), st.sampled_from([64, 66]))


class LedgerMachine(RuleBasedStateMachine):
    """Any sequence of messages, against a player who remembers each note by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.synthesiser = Synthesiser()
        # One entry for each note that hasn't ended: its key, and whether it is to be heard.
        self.held: list[tuple[tuple[int, int], bool]] = []
        self.pedals: set[tuple[int, int]] = set()
        self.channels: set[int] = set()

    def admit(self, message: bytes) -> list[bytes]:
        sent = self.ledger.admit(message)
        for admitted in sent:
            self.synthesiser.hear(admitted)  # raises when a key is struck or released twice
        return sent

    @rule(key=KEYS, velocity=st.integers(1, 127))
    def begin(self, key, velocity):
        sent = self.admit(note_on(*key, velocity))
        assert sent[-1] == note_on(*key, velocity)  # every note that is wanted is heard
        self.held.append((key, True))
        self.channels.add(key[0])

    @rule(key=KEYS)
    def skip(self, key):
        self.ledger.skip(note_on(*key, 64))
        self.held.append((key, False))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), as_note_on=st.booleans())
    def end(self, data, as_note_on):
        note = data.draw(st.sampled_from(self.held))
        self.held.remove(note)
        key, _ = note
        sent = self.admit(note_on(*key, 0) if as_note_on else note_off(*key, 64))
        assert len(sent) <= 1

    @rule(key=KEYS)
    def end_what_never_began(self, key):
        if all(key != held for held, _ in self.held):
            assert self.admit(note_off(*key)) == []

    @rule(pedal=PEDALS, value=st.integers(0, 127))
    def press_pedal(self, pedal, value):
        message = control_change(*pedal, value)
        assert self.ledger.admit(message) == [message]
        self.channels.add(pedal[0])
        (self.pedals.add if value >= 64 else self.pedals.discard)(pedal)

    @rule()
    def tick(self):
        assert self.ledger.admit(b"\xf8") == [b"\xf8"]  # of no channel: nothing to be silenced

    @rule()
    def release(self):
        pedals = [control_change(*pedal, 0) for pedal in sorted(self.pedals)]
        for message in self.ledger.release():
            self.synthesiser.hear(message)
            if message in pedals:
                pedals.remove(message)
        assert not self.synthesiser.down
        assert not pedals
        self.pedals.clear()
        self.held = [(key, False) for key, _ in self.held]  # silenced, and still to end
        assert self.ledger.release() == []

    @rule()
    def close(self):
        messages = self.ledger.close()
        silence = [message for channel in sorted(self.channels) for message in panic(channel)]
        releases = messages[: len(messages) - len(silence)]
        assert messages[len(releases) :] == silence
        for message in releases:
            self.synthesiser.hear(message)
        self.held, self.channels, self.pedals = [], set(), set()
        assert self.ledger.close() == []

    @invariant()
    def no_note_is_stuck_or_cut_short(self):
        down = self.synthesiser.down
        assert down == self.ledger.sounding
        assert down >= {key for key, is_heard in self.held if is_heard}
        # A key may be kept down by the end of a note that was silenced, but not without any.
        assert down <= {key for key, _ in self.held}

    @invariant()
    def keys_are_down_exactly_while_a_note_is_held(self):
        if all(is_heard for _, is_heard in self.held):
            assert self.synthesiser.down == {key for key, _ in self.held}


LedgerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLedger = LedgerMachine.TestCase


def test_the_end_of_a_note_left_out_does_not_cut_the_one_that_sounds():
    ledger = Ledger()
    ledger.admit(note_on(0, 60, 80))
    ledger.skip(note_on(0, 60, 90))
    assert ledger.admit(note_off(0, 60)) == []
    assert ledger.admit(note_off(0, 60)) == [note_off(0, 60)]


def test_the_end_of_a_silenced_note_does_not_cut_the_next():
    ledger = Ledger()
    ledger.admit(note_on(0, 60, 80))
    assert ledger.release() == [note_off(0, 60)]
    ledger.admit(note_on(0, 60, 90))
    assert ledger.admit(note_off(0, 60)) == []
    assert ledger.admit(note_off(0, 60)) == [note_off(0, 60)]
