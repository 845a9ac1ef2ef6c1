from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.live.exchange.wire import (
    RECORD_BYTES,
    ClockChange,
    End,
    HeardMessage,
    Moved,
    Ready,
    Retract,
    Transport,
    decode,
    encode,
)
from rnnmusic.live.plan import Planned

QUARTERS = st.floats(allow_nan=False)
MESSAGES = st.binary(min_size=1, max_size=3)
PORTS = st.integers(0, 255)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
RECORDS = st.one_of(
    st.builds(Planned, QUARTERS, MESSAGES, QUARTERS, PORTS),
    st.builds(Retract, QUARTERS),
    st.builds(Ready, QUARTERS),
    st.builds(ClockChange, NAMES, QUARTERS),
    st.builds(End, QUARTERS),
    st.builds(HeardMessage, QUARTERS, MESSAGES, PORTS),
    st.builds(Moved, QUARTERS, QUARTERS),
    st.builds(Transport, NAMES, QUARTERS),
)


@given(RECORDS)
def test_what_is_decoded_is_what_was_encoded(record):
    data = encode(record)
    assert len(data) == RECORD_BYTES
    decoded = decode(data)
    assert decoded == record
    assert type(decoded) is type(record)


def test_infinite_moments_travel():
    assert decode(encode(Ready(math.inf))) == Ready(math.inf)


@pytest.mark.parametrize("data", [b"", bytes(RECORD_BYTES), bytes(RECORD_BYTES + 1)])
def test_what_nobody_encoded_is_refused(data):
    with pytest.raises(ValueError, match="record"):
        decode(data)


def test_a_text_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="8 bytes"):
        encode(Transport("ninebytes", 0.0))
