from __future__ import annotations

from rnnmusic.recurrent import State
from rnnmusic.recurrent.belief import KalmanState
from tests.contract.cases.case import Case


def covariances(state: State) -> State:
    """Of every Kalman filter in a state a covariance that can be: symmetric and not negative."""
    if isinstance(state, KalmanState):
        return state._replace(covariance=state.covariance @ state.covariance.mT)
    return state if not isinstance(state, tuple) else tuple(map(covariances, state))


CASES: list[Case] = [
    Case("hmm", {"states": 4}),
    Case("hmm", {"states": 3, "emission": "gaussian"}),
    Case("hmm", size=4),
    Case("kalman", size=8, legal=covariances),
    Case("kalman", {"order": 1}, legal=covariances),
    Case("kalman", {"order": 2}, size=6, legal=covariances),
    Case("rtrbm"),
]
