"""Live decoders go back to where they stood."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.encodings.music import encodings_with_steps, events, rolls


@given(encodings_with_steps(st.one_of(rolls(), events())), st.integers(0, 50))
def test_a_restored_decoder_gives_the_same_messages_again(drawn, place):
    encoding, steps = drawn
    decoder = encoding.live_decoder()
    for step in steps[:place]:
        decoder.push(step)
    snapshot = decoder.snapshot()
    horizon = decoder.horizon_quarters
    first = [decoder.push(step) for step in steps[place:]]
    ends = decoder.flush()
    decoder.restore(snapshot)
    assert decoder.horizon_quarters == horizon
    assert decoder.snapshot() == snapshot
    assert [decoder.push(step) for step in steps[place:]] == first
    assert decoder.flush() == ends
