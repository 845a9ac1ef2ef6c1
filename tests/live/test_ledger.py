from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rnnmusic.live.ledger import Ledger
from rnnmusic.live.messages import control_change, note_off, note_on, panic
from tests.live.playing import Synthesiser

KEYS = st.tuples(st.integers(0, 2), st.sampled_from([0, 60, 61, 127]))


class LedgerMachine(RuleBasedStateMachine):
    """Any sequence of messages, against a player who remembers each note by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.synthesiser = Synthesiser()
        self.held: list[tuple[int, int]] = []  # one entry for each note that hasn't ended
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
        self.held.append(key)
        self.channels.add(key[0])

    @precondition(lambda self: self.held)
    @rule(data=st.data(), as_note_on=st.booleans())
    def end(self, data, as_note_on):
        key = data.draw(st.sampled_from(self.held))
        self.held.remove(key)
        self.admit(note_on(*key, 0) if as_note_on else note_off(*key, 64))

    @rule(key=KEYS)
    def end_what_never_began(self, key):
        if key not in self.held:
            assert self.admit(note_off(*key)) == []

    @rule(channel=st.integers(0, 2), value=st.integers(0, 127))
    def press_pedal(self, channel, value):
        message = control_change(channel, 64, value)
        assert self.ledger.admit(message) == [message]
        self.channels.add(channel)

    @rule()
    def close(self):
        messages = self.ledger.close()
        silence = [message for channel in sorted(self.channels) for message in panic(channel)]
        releases = messages[: len(messages) - len(silence)]
        assert messages[len(releases) :] == silence
        for message in releases:
            self.synthesiser.hear(message)
        self.held, self.channels = [], set()
        assert self.ledger.close() == []

    @invariant()
    def keys_are_down_exactly_while_a_note_is_held(self):
        assert self.synthesiser.down == set(self.held) == self.ledger.sounding


LedgerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLedger = LedgerMachine.TestCase
