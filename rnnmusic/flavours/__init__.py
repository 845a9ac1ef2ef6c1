"""Every flavour on the tasks of the literature, in one table with the papers' figures."""

from rnnmusic.flavours.row import Measured, Row, Setting, Variant
from rnnmusic.flavours.rows import ROWS

__all__ = ["ROWS", "Measured", "Row", "Setting", "Variant"]
