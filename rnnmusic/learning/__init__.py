"""Ways to learn: backpropagation through time on any task, and what goes beyond it."""

from rnnmusic.learning.model import SequenceModel, features_of, model_for
from rnnmusic.learning.supervised import FitConfig, Fitted, evaluate, fit

__all__ = ["FitConfig", "Fitted", "SequenceModel", "evaluate", "features_of", "fit", "model_for"]
