"""Filters as functions of a waveform and coefficients, differentiable in both."""

from rnnmusic.filters.functional.biquads import (
    allpass_biquad,
    band_biquad,
    bandpass_biquad,
    bandreject_biquad,
    bass_biquad,
    biquad,
    deemph_biquad,
    equalizer_biquad,
    highpass_biquad,
    lowpass_biquad,
    riaa_biquad,
    treble_biquad,
)
from rnnmusic.filters.functional.delay_network import delay_network
from rnnmusic.filters.functional.diagonal import diagonal_ssm
from rnnmusic.filters.functional.direct import lfilter
from rnnmusic.filters.functional.frequency import frequency_sampled
from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.filters.functional.sections import sosfilt, sosfilt_varying, sosfiltfilt
from rnnmusic.filters.functional.statespace import statespace
from rnnmusic.filters.functional.varying import allpole, lfilter_varying
from rnnmusic.filters.functional.zerophase import filtfilt

__all__ = [
    "allpass_biquad",
    "allpole",
    "band_biquad",
    "bandpass_biquad",
    "bandreject_biquad",
    "bass_biquad",
    "biquad",
    "deemph_biquad",
    "delay_network",
    "diagonal_scan",
    "diagonal_ssm",
    "equalizer_biquad",
    "filtfilt",
    "frequency_sampled",
    "highpass_biquad",
    "lfilter",
    "lfilter_varying",
    "lowpass_biquad",
    "riaa_biquad",
    "sosfilt",
    "sosfilt_varying",
    "sosfiltfilt",
    "statespace",
    "treble_biquad",
]
