"""Ways to learn: backpropagation through time on any task, and what goes beyond it."""

from rnnmusic.learning.eprop import Eprop
from rnnmusic.learning.functional import Functional
from rnnmusic.learning.hebbian import HebbianConfig, HebbianFitted, RateNetwork, fit_hebbian
from rnnmusic.learning.hessian_free import HessianFreeConfig, fit_hessian_free
from rnnmusic.learning.kalman import Kalman, KalmanConfig, fit_kalman
from rnnmusic.learning.model import SequenceModel, features_of, model_for
from rnnmusic.learning.momentum import Nesterov, momentum_at, sparse_, sparse_recurrence_
from rnnmusic.learning.online import OnlineLearner, fit_online
from rnnmusic.learning.real_time import DiagonalRtrl, Rtrl
from rnnmusic.learning.supervised import FitConfig, Fitted, evaluate, fit
from rnnmusic.learning.uoro import Uoro

__all__ = [
    "DiagonalRtrl",
    "Eprop",
    "FitConfig",
    "Fitted",
    "Functional",
    "HebbianConfig",
    "HebbianFitted",
    "HessianFreeConfig",
    "Kalman",
    "KalmanConfig",
    "Nesterov",
    "OnlineLearner",
    "RateNetwork",
    "Rtrl",
    "SequenceModel",
    "Uoro",
    "evaluate",
    "features_of",
    "fit",
    "fit_hebbian",
    "fit_hessian_free",
    "fit_kalman",
    "fit_online",
    "model_for",
    "momentum_at",
    "sparse_",
    "sparse_recurrence_",
]
