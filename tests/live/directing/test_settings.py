from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.listening import PhraseSettings
from rnnmusic.live.steering.orders import MODES
from rnnmusic.sampling.steering import Steering


@given(
    st.builds(
        DirectorSettings,
        checkpoint=st.text(),
        seed=st.integers(0, 2**63 - 1),
        steering=st.builds(
            Steering, key=st.sampled_from([None, "C minor"]), polyphony=st.sampled_from([None, 3])
        ),
        mode=st.sampled_from(MODES),
        bars=st.one_of(st.none(), st.integers(1, 1000)),
        quarters_per_bar=st.sampled_from([3.0, 4.0, 3.5]),
        channel=st.integers(1, 16),
        voices=st.sampled_from([(), ("36-59@2:33", "highest@3/2")]),
        prime=st.sampled_from([(), ((-2.0, -1.0, 60, 80),)]),
        listen_to=st.sampled_from([(), (1, 10)]),
        phrases=st.builds(PhraseSettings, unit=st.sampled_from(["bar", "beat"])),
    )
)
def test_settings_survive_json(settings):
    assert DirectorSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_what_is_left_out_is_the_default():
    assert DirectorSettings.from_dict({"checkpoint": "a"}) == DirectorSettings("a")


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "loud"},
        {"seed": -1},
        {"bars": 0},
        {"quarters_per_bar": 0.0},
        {"quarters_per_bar": 1 / 3},
        {"lookahead_quarters": math.nan},
        {"tempo_bpm": 0.0},
        {"swing": 1.0},
        {"channel": 17},
        {"channel": 0},
        {"listen_to": (0,)},
        {"voices": ("60@17",)},
        {"count_in_bars": -1},
        {"harmony_voices": 0},
        {"prime": ((0.0, 1.0, 60, 80),)},
        {"loose_s": 1.0},
        {"uneven": -1.0},
        {"bindings": {"cc 200": "density"}},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(wrong):
    with pytest.raises(UsageError, match=r"\.$"):
        DirectorSettings("a", **wrong)


def test_an_unknown_setting_is_refused():
    with pytest.raises(UsageError, match="no setting 'colour'"):
        DirectorSettings.from_dict({"checkpoint": "a", "colour": "red"})


def test_it_says_how_many_outputs_the_voices_ask_for():
    assert DirectorSettings("a").output_count == 1
    assert DirectorSettings("a", voices=("60@1/3", "61@1/2")).output_count == 3


def test_settings_are_made_without_torch():
    code = "import rnnmusic.live.directing.settings, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
