"""Hand-made MIDI bytes for tests, valid or not, without the writer under test."""

from hypothesis import strategies as st

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x3c\x40\x10\x80\x3c\x40"  # middle C from tick 0 to 16


def header(tracks: int, *, file_format: int = 1, division: int = 480) -> bytes:
    fields = (file_format, tracks, division)
    return b"MThd\x00\x00\x00\x06" + b"".join(value.to_bytes(2, "big") for value in fields)


def chunk(events: bytes) -> bytes:
    return b"MTrk" + len(events).to_bytes(4, "big") + events


def smf(*tracks: bytes, file_format: int = 1, division: int = 480) -> bytes:
    """A file of these tracks' event bytes."""
    body = b"".join(chunk(events) for events in tracks)
    return header(len(tracks), file_format=file_format, division=division) + body


def varlen(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.insert(0, value & 0x7F | 0x80)
    return bytes(digits)


_data = st.integers(0, 127)
_near = st.integers(59, 61)  # notes that meet
_channel = st.sampled_from([0, 0, 1, 9])


def _text(kind: bytes, highest: int = 255) -> st.SearchStrategy[bytes]:
    texts = st.lists(st.integers(0, highest), max_size=6).map(bytes)
    return texts.map(lambda text: kind + bytes([len(text)]) + text)


_plain = (
    st.builds(lambda c, p, v: bytes([0x90 | c, p, v]), _channel, _near, _data),
    st.builds(lambda c, p, v: bytes([0x80 | c, p, v]), _channel, _near, _data),
    st.builds(lambda c, p: bytes([0x90 | c, p, 0]), _channel, _near),
    st.builds(lambda c, n, v: bytes([0xB0 | c, n, v]), _channel, st.sampled_from([7, 64]), _data),
    st.builds(lambda c, p: bytes([0xC0 | c, p]), _channel, st.integers(0, 2)),
    st.builds(lambda c, a, b: bytes([0xE0 | c, a, b]), _channel, _data, _data),
    st.builds(lambda c, a: bytes([0xD0 | c, a]), _channel, _data),
    st.integers(1, 2**24 - 1).map(lambda tempo: b"\xff\x51\x03" + tempo.to_bytes(3, "big")),
    st.builds(
        lambda n, d: bytes([0xFF, 0x58, 4, n, d, 24, 8]), st.integers(1, 255), st.integers(0, 9)
    ),
    st.builds(
        lambda s, m: bytes([0xFF, 0x59, 2, s & 255, m]), st.integers(-7, 7), st.integers(0, 1)
    ),
    _text(b"\xff\x01"),
)
_wild = (_text(b"\xff\x03"), _text(b"\xf0", 127), _text(b"\xf7", 127))
_small = st.integers(0, 3) | st.sampled_from([127, 128, 16383, 16384])


def _stream(deltas: st.SearchStrategy[int], *bodies: st.SearchStrategy[bytes]):
    events = st.lists(st.tuples(deltas, st.one_of(*bodies)), max_size=25)
    return st.builds(_joined, events, st.booleans())


def _joined(events: list[tuple[int, bytes]], running_status: bool) -> bytes:
    joined, running = b"", -1
    for delta, body in events:
        status = body[0]
        repeated = running_status and status == running
        joined += varlen(delta) + (body[1:] if repeated else body)
        if status != 0xFF:
            running = status if status < 0xF0 else -1
    return joined


# Three note-offs for each note there can be: what is still sounding ends here.
_stop = b"".join(
    bytes([1, 0x80 | c, p, 0]) for _ in range(3) for c in (0, 1, 9) for p in (59, 60, 61)
)
# Messages such as any sequencer writes, and with texts of any bytes, escapes, waits of days and
# notes that nobody stops.
plain_messages = _stream(_small, *_plain).map(lambda events: events + _stop)
wild_messages = _stream(_small | st.integers(0, 0x0FFFFFFF), *_plain, *_wild)
