"""What the director makes of events, musically."""

from __future__ import annotations

import math

import pytest

from rnnmusic.live.directing.count_in import quarters_per_beat
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Extend, Heard, Moved, Ordered, Turned
from rnnmusic.live.listening import PhraseSettings
from rnnmusic.sampling.steering import Steering
from tests.live.directing.events import Stream

MODELS = ["roll", "events"]
C_MAJOR = {0, 2, 4, 5, 7, 9, 11}


@pytest.fixture(params=MODELS)
def model(request) -> str:
    return request.param


def solo(model, **settings):
    return Stream(DirectorSettings(model, seed=1, **settings))


def strikes(stream, since=-math.inf, until=math.inf):
    """(start, pitch) of the notes that begin in a stretch."""
    notes = ((start, pitch) for start, _, _, pitch in stream.notes() if since <= start < until)
    return sorted(notes)


def later(strikes, quarters):
    """Strikes moved in time, on a grid finer than any model's."""
    return [(round((start + quarters) * 48) / 48, pitch) for start, pitch in strikes]


def phrase(stream, *spans, pitch=64):
    """Play notes to a stream as time goes on."""
    for start, end in spans:
        for time, message in ((start, (0x90, pitch, 70)), (end, (0x80, pitch, 0))):
            stream.play(time + 1.02)
            stream.handle(Heard(time + 0.02, time, message))


# -- playing ---------------------------------------------------------------------------------


def test_it_plays_to_its_end_and_closes_every_note(model):
    stream = solo(model, bars=4)
    stream.play(math.inf)
    assert strikes(stream)
    assert max(end for _, end, _, _ in stream.notes()) <= 16.0
    assert stream.handle(Extend(100.0)).messages == ()


def test_the_seed_decides(model):
    def first(seed):
        stream = Stream(DirectorSettings(model, seed=seed))
        stream.play(8.0)
        return strikes(stream)

    assert first(1) == first(1) != first(2)


def test_nothing_but_time_takes_nothing_back(model):
    stream = solo(model)
    stream.play(16.0)
    assert all(plan.retract_quarters is None for plan in stream.plans)


def test_a_count_in_clicks_each_beat_before_the_first_and_accents_bars(model):
    stream = solo(model, count_in_bars=2, quarters_per_bar=3.0)
    stream.play(1.0)
    clicks = [(start, pitch) for start, _, channel, pitch in stream.notes() if channel == 9]
    assert [time for time, _ in clicks] == [-6.0, -5.0, -4.0, -3.0, -2.0, -1.0]
    assert [pitch for _, pitch in clicks] == [76, 77, 77, 76, 77, 77]
    assert min(start for start, _, channel, _ in stream.notes() if channel == 0) >= 0.0


def test_a_count_in_counts_what_the_metre_is_counted_in(model):
    stream = solo(model, count_in_bars=1, quarters_per_bar=3.0, quarters_per_beat=1.5)
    stream.play(1.0)
    clicks = [start for start, _, channel, _ in stream.notes() if channel == 9]
    assert clicks == [-3.0, -1.5]


@pytest.mark.parametrize(
    ("metre", "quarters"),
    [((4, 4), 1), ((6, 8), 1.5), ((3, 8), 0.5), ((2, 2), 2), ((7, 8), 0.5), ((12, 16), 0.75)],
)
def test_what_a_metre_is_counted_in(metre, quarters):
    assert quarters_per_beat(*metre) == quarters


@pytest.mark.parametrize("metre", [(7, 32), (5, 64), (2, 1)])
def test_whatever_metre_a_file_ends_in_can_be_played_on_in(metre):
    bar = 4.0 * metre[0] / metre[1]
    DirectorSettings(
        "roll", quarters_per_bar=bar, quarters_per_beat=quarters_per_beat(*metre), count_in_bars=1
    )


def test_clicks_are_as_late_as_the_notes_of_loose_hands_are_on_average(model):
    stream = solo(model, count_in_bars=1, loose_s=0.01)
    stream.play(8.0)
    clicks = {m.delay_s for m in stream.messages if m.time_quarters < 0.0}
    (delay_s,) = clicks
    delays_s = [m.delay_s for m in stream.messages if m.time_quarters >= 0.0]
    assert delay_s == pytest.approx(0.03)
    assert min(delays_s) < delay_s < max(delays_s)


def test_instruments_are_chosen_before_anything_sounds_and_not_for_drums(model):
    stream = solo(
        model, voices=("60-65@2:33", "66@10"), steering=Steering(program=4), count_in_bars=1
    )
    stream.play(0.5)
    chosen = [m for m in stream.messages if m.message[0] & 0xF0 == 0xC0]
    assert [(m.time_quarters, m.message) for m in chosen] == [
        (-4.0, bytes((0xC1, 33))),
        (-4.0, bytes((0xC0, 4))),
    ]


def test_notes_go_to_the_voices(model):
    stream = solo(model, voices=("60-65@2/2", "66-71@3"))
    stream.play(16.0)
    assert {(c, pitch >= 66) for _, _, c, pitch in stream.notes()} == {(1, False), (2, True)}
    assert all(m.port == (m.message[0] & 0x0F == 1) for m in stream.messages)


# -- turning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [2.0, 3.3])
def test_no_note_outside_a_key_begins_after_it_was_turned(model, at):
    stream = solo(model)
    stream.play(at + 1.0)
    before = strikes(stream, until=at)
    plan = stream.handle(Turned(at, "key", "C major"))
    assert plan.notices == ()
    stream.play(at + 16.0)
    assert strikes(stream, until=at) == before
    assert len(strikes(stream, since=at)) > 4
    assert {pitch % 12 for _, pitch in strikes(stream, since=at)} <= C_MAJOR


def test_a_key_means_nothing_to_drums(model):
    free, keyed = solo(model, channel=10), solo(model, channel=10)
    for stream in (free, keyed):
        stream.play(2.0)
    keyed.handle(Turned(1.0, "key", "C major"))
    for stream in (free, keyed):
        stream.play(8.0)
    assert strikes(free) == strikes(keyed)


def test_tempo_and_swing_are_the_beat_clocks(model):
    stream = solo(model)
    stream.play(2.0)
    plan = stream.handle(Turned(1.0, "tempo", 90))
    assert plan.clock == (("tempo", 90.0),)
    assert plan.retract_quarters is None
    assert stream.handle(Turned(1.0, "swing", 0.6)).clock == (("swing", 0.6),)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tempo", 0), ("tempo", math.nan), ("key", "H"), ("volume", 1), ("top_p", 0.0)],
)
def test_what_is_turned_wrongly_is_said_and_changes_nothing(model, name, value):
    stream = solo(model)
    stream.play(2.0)
    plan = stream.handle(Turned(1.0, name, value))
    assert len(plan.notices) == 1
    assert plan.notices[0].endswith(".")
    assert (plan.messages, plan.retract_quarters, plan.clock) == ((), None, ())


def test_an_instrument_is_changed_at_once(model):
    stream = solo(model)
    stream.play(2.0)
    stream.handle(Turned(1.5, "program", 40))
    chosen = [m for m in stream.messages if m.message[0] & 0xF0 == 0xC0]
    assert [(m.time_quarters, m.message) for m in chosen] == [(1.5, bytes((0xC0, 40)))]


def test_loudness_changes_velocities_only_and_those_planned_too(model):
    soft, plain = solo(model), solo(model)
    for stream in (soft, plain):
        stream.play(6.0)
    soft.handle(Turned(2.2, "loudness", 0.5))
    for stream in (soft, plain):
        stream.play(8.0)
    assert strikes(soft) == strikes(plain)

    def velocities(stream, since, until):
        return [
            m.message[2]
            for m in stream.messages
            if m.message[0] & 0xF0 == 0x90 and since <= m.time_quarters < until
        ]

    assert velocities(soft, 0.0, 2.2) == velocities(plain, 0.0, 2.2)
    halves = [round(v / 2) for v in velocities(plain, 2.2, 8.0)]
    assert halves
    assert velocities(soft, 2.2, 8.0) == halves


def test_a_combination_without_a_legal_note_rests_and_says_so_once(model):
    stream = solo(model)
    stream.play(4.0)
    stream.handle(Turned(3.0, "lowest_pitch", 100))
    stream.play(16.0)
    assert len(stream.notices) == 1
    assert "no note" in stream.notices[0]
    assert strikes(stream, since=3.0) == []
    stream.handle(Turned(15.0, "lowest_pitch", 0))
    stream.play(24.0)
    assert strikes(stream, since=15.0)


def test_it_isnt_said_again_when_something_is_heard_meanwhile(model):
    stream = solo(model, mode="duet")
    stream.play(4.0)
    stream.handle(Turned(3.0, "lowest_pitch", 100))
    stream.handle(Heard(3.0, 3.0, (0x90, 64, 80)))
    stream.play(8.0)
    assert len(stream.notices) == 1


def test_a_controller_turns_what_it_is_bound_to_and_learns(model):
    stream = solo(model)
    stream.play(2.0)
    stream.handle(Heard(1.0, 1.0, (0xB0, 74, 127)))
    assert stream.director.describe()["controls"]["density"] == 1.0
    stream.handle(Ordered(1.0, "learn", ("polyphony",)))
    assert stream.director.describe()["learning"] == "polyphony"
    plan = stream.handle(Heard(1.0, 1.0, (0xB0, 22, 0)))
    assert "polyphony" in plan.notices[0]
    assert stream.director.describe()["controls"]["polyphony"] == 1


def test_taps_on_a_pad_set_the_tempo(model):
    stream = solo(model, bindings={"note 36": "tap"}, tempo_bpm=90.0)
    for tap in range(5):  # twice in each quarter at 90: 180 a minute
        stream.play(tap / 2 + 1.5)
        plan = stream.handle(Heard(tap / 2 + 0.02, tap / 2, (0x90, 36, 100)))
        stream.handle(Heard(tap / 2 + 0.1, tap / 2 + 0.1, (0x80, 36, 0)))
        if plan.clock:
            break
    assert plan.clock == (("tempo", pytest.approx(180.0)),)
    assert stream.director.describe()["controls"]["tempo"] == pytest.approx(180.0)


def test_a_pad_that_is_bound_makes_no_music():
    bound = solo("roll", mode="duet", bindings={"note 65": "store a"})
    alone = solo("roll", mode="duet")
    for stream in (bound, alone):
        stream.play(3.0)
    bound.handle(Heard(2.0, 2.0, (0x90, 65, 100)))
    for stream in (bound, alone):
        stream.play(8.0)
    assert strikes(bound) == strikes(alone)


# -- orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rewind", ("x",)),
        ("rewind", (0,)),
        ("rewind", (0.5,)),
        ("loop", (1, 2, 3)),
        ("keep", (3,)),
        ("morph", ("a", "b", 0.5)),
        ("mode", ("loud",)),
        ("preset", ("there is none",)),
        ("learn", ("volume",)),
        ("dance", ()),
    ],
)
def test_orders_that_make_no_sense_are_said_and_change_nothing(model, name, arguments):
    stream = solo(model)
    stream.play(6.0)
    plan = stream.handle(Ordered(5.5, name, arguments))
    assert len(plan.notices) == 1
    assert plan.notices[0].endswith(".")
    assert (plan.messages, plan.retract_quarters) == ((), None)


def test_rewinding_repeats_what_is_certain_from_the_next_bar_line_on(model):
    stream = solo(model, steering=Steering(temperature=0.0))
    stream.play(10.0)
    before = strikes(stream, until=12.0)
    stream.handle(Ordered(9.2, "rewind", (1,)))
    stream.play(17.0)
    assert strikes(stream, until=9.2) == [s for s in before if s[0] < 9.2]
    assert later(strikes(stream, 12.5, 16.0), -4.0) == later(strikes(stream, 8.5, 12.0), 0.0)


def test_rewinding_can_be_at_once(model):
    stream = solo(model)
    stream.play(10.0)
    plan = stream.handle(Ordered(9.0, "rewind", (1, "now")))
    assert plan.retract_quarters is not None
    assert 9.0 <= plan.retract_quarters < 10.0


def test_a_loop_repeats_bars_to_the_note(model):
    stream = solo(model)
    stream.play(10.0)
    stream.handle(Ordered(9.0, "loop", (2, 1)))
    stream.play(24.0)
    assert strikes(stream, 4.0, 12.0)
    assert later(strikes(stream, 12.0, 20.0), -8.0) == later(strikes(stream, 4.0, 12.0), 0.0)


def test_it_tells_what_was_ordered_and_what_has_ended_it(model):
    stream = solo(model)
    stream.play(6.0)

    def stands() -> tuple[bool, bool]:
        described = stream.director.describe()
        return described["is_frozen"], described["is_looping"]

    for at, order, arguments, expected in (
        (5.0, "loop", (1,), (False, True)),  # from the bar line on
        (5.5, "resume", (), (False, False)),
        (6.0, "loop", (1, 2), (False, True)),
        (17.0, "store", ("here",), (False, False)),  # it has been repeated twice
        (18.0, "freeze", (), (True, False)),
        (19.0, "rewind", (1,), (False, False)),
        (21.0, "freeze", (), (True, False)),
        (22.0, "mode", ("respond",), (False, False)),
    ):
        stream.play(at + 1.0)
        stream.handle(Ordered(at, order, arguments))
        assert stands() == expected, (at, order)


def test_frozen_music_stands_still_until_it_is_resumed(model):
    stream = solo(model)
    stream.play(6.0)
    stream.handle(Ordered(5.0, "freeze"))
    stream.play(12.0)
    assert strikes(stream, since=5.0) == []
    stream.handle(Ordered(11.0, "resume"))
    stream.play(20.0)
    assert strikes(stream, since=11.0)


def test_a_change_before_the_bar_line_doesnt_lose_an_order_that_waits_for_it(model):
    stream = solo(model)
    stream.play(10.5)
    stream.handle(Ordered(9.6, "loop", (1, 1)))
    stream.play(13.0)
    stream.handle(Turned(11.9, "temperature", 1.5))
    stream.play(17.0)
    assert later(strikes(stream, 12.0, 16.0), -4.0) == later(strikes(stream, 8.0, 12.0), 0.0)


def test_models_are_swapped_at_the_bar_line():
    stream, plain = solo("roll"), solo("roll")
    stream.play(10.0)
    plain.play(12.0)
    assert stream.director.describe()["checkpoint"] == "roll"
    plan = stream.handle(Ordered(9.0, "swap", ("events",)))
    assert plan.notices == ("events takes over.",)
    assert stream.director.describe()["checkpoint"] == "events"
    stream.play(60.0)
    assert strikes(stream, until=12.0) == strikes(plain, until=12.0)
    grid = {start % 0.25 for start, _ in strikes(stream, since=12.0)}
    assert grid - {0.0}, "notes of the other model fall on its finer grid"


def test_a_jump_of_the_clock_moves_the_music_and_the_end(model):
    stream = solo(model, bars=4)
    stream.play(5.0)
    stream.handle(Moved(4.0, 12.0))
    stream.play(math.inf)
    assert strikes(stream, 4.0, 12.0) == []
    assert strikes(stream, since=12.0)
    assert stream.director.end_quarters == 24.0


# -- listening -------------------------------------------------------------------------------


def test_solo_ignores_notes(model):
    deaf, alone = solo(model), solo(model)
    phrase(deaf, (2.0, 3.0))
    for stream in (deaf, alone):
        stream.play(8.0)
    assert strikes(deaf) == strikes(alone)


def test_in_a_duet_the_future_depends_on_what_was_heard(model):
    def duet(*pitches):
        stream = solo(model, mode="duet")
        for pitch in pitches:
            phrase(stream, (2.0, 3.0), pitch=pitch)
        stream.play(24.0)
        return stream

    alone, low, high = duet(), duet(65), duet(70)
    assert strikes(alone, until=2.0) == strikes(low, until=2.0) == strikes(high, until=2.0)
    futures = [strikes(stream, since=2.0) for stream in (alone, low, high)]
    assert futures[0] != futures[1] != futures[2] != futures[0]


def test_notes_are_heard_when_they_were_played_not_when_they_came_in():
    def heard(played):
        stream = solo("roll", mode="duet")
        stream.play(4.0)
        stream.handle(Heard(3.0, played, (0x90, 70, 100)))
        stream.play(24.0)
        return strikes(stream)

    assert heard(2.0) != heard(3.0)


@pytest.mark.parametrize("bars", [1, 2])
def test_a_phrase_is_answered_by_as_many_bars(model, bars):
    stream = solo(model, mode="respond", steering=Steering(density=1.0, rhythm_temperature=0.6))
    end = 4.0 * bars
    phrase(stream, *((t, t + 0.9) for t in range(int(end))))
    stream.play(4 * end + 16.0)
    begin = end + 4.0
    assert strikes(stream, until=begin) == []
    assert strikes(stream, begin, begin + end)
    assert strikes(stream, since=begin + end) == []
    assert all(stop <= begin + end for _, stop, _, _ in stream.notes())


def test_playing_into_an_answer_stops_it_at_the_beat(model):
    steering = Steering(density=1.0)
    stream = solo(model, mode="respond", steering=steering, phrases=PhraseSettings(answer_bars=4))
    phrase(stream, (0.0, 3.0))
    phrase(stream, (14.3, 15.0))
    stream.play(19.5)
    assert strikes(stream, 8.0, 15.0)
    assert strikes(stream, 15.0, 19.5) == []


@pytest.mark.parametrize("order", ["rewind", "loop", "branch", "resume"])
def test_orders_dont_make_it_play_in_others_turns(model, order):
    stream = solo(model, mode="respond")
    phrase(stream, (0.0, 3.0))
    stream.play(14.0)
    stream.handle(Ordered(12.5, order, ("bar",)))
    stream.play(40.0)
    assert strikes(stream, since=12.0) == []


def test_a_jump_of_the_clock_moves_an_answer_and_the_rest_after_it(model):
    stream = solo(model, mode="respond", steering=Steering(density=1.0, rhythm_temperature=0.6))
    phrase(stream, *((t, t + 0.9) for t in range(4)))
    stream.play(6.5)
    stream.handle(Moved(6.0, 14.0))
    stream.play(40.0)
    assert strikes(stream)
    assert all(16.0 <= start < 20.0 for start, _ in strikes(stream))


def test_a_note_is_harmonised_at_once_and_until_it_ends():
    stream = Stream(DirectorSettings("bach-gru", seed=1, mode="harmonise", harmony_voices=2))
    stream.play(5.0)
    plan = stream.handle(Heard(4.3, 4.29, (0x90, 72, 90)))
    assert plan.messages
    assert {m.time_quarters for m in plan.messages} == {4.3}
    voices = {m.message[1] for m in plan.messages}
    assert 1 <= len(voices) <= 2
    assert 72 not in voices
    stream.play(7.0)
    stream.handle(Heard(6.1, 6.1, (0x80, 72, 0)))
    stream.play(9.0)
    assert {(start, end) for start, end, _, _ in stream.notes()} == {(4.3, 6.1)}
    assert {pitch for *_, pitch in stream.notes()} == voices


def test_leaving_a_mode_ends_what_it_left_sounding():
    stream = Stream(DirectorSettings("bach-gru", seed=1, mode="harmonise"))
    stream.play(5.0)
    stream.handle(Heard(4.3, 4.29, (0x90, 72, 90)))
    stream.handle(Ordered(5.0, "mode", ("solo",)))
    stream.play(8.0)
    assert all(end == 5.0 for start, end, _, _ in stream.notes() if start == 4.3)
    assert strikes(stream, since=5.0)


def test_keys_held_when_it_stops_listening_are_over_for_the_model():
    def play_on(*releases):
        stream = Stream(DirectorSettings("bach-gru", seed=1, mode="duet"))
        stream.play(5.0)
        for pitch in (61, 66):
            stream.handle(Heard(4.3, 4.29, (0x90, pitch, 90)))
        stream.play(6.0)
        for pitch in releases:
            stream.handle(Heard(5.0, 5.0, (0x80, pitch, 0)))
        stream.handle(Ordered(5.0, "mode", ("solo",)))
        stream.play(20.0)
        return strikes(stream, since=5.0)

    assert play_on() == play_on(61, 66)


def test_the_music_goes_on_from_a_prime(model):
    def begin(*prime):
        stream = solo(model, prime=prime)
        stream.play(16.0)
        return strikes(stream)

    scale = tuple((-4.0 + t, -3.0 + t, 60 + t, 80) for t in range(4))
    assert begin(*scale) != begin()
    assert begin(*scale) == begin(*scale)
