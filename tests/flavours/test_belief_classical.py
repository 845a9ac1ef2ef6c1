"""Rows of the classical models that take a second reach what they are to reach."""

from __future__ import annotations

import pytest

from rnnmusic.flavours import Row, Setting
from rnnmusic.flavours.rows import belief_classical

ROWS = {row.key: row for row in belief_classical.ROWS if row.needs is None}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_classical_models_agree_with_what_is_known(row: Row) -> None:
    measured = row.run(Setting("quick", 0, None))
    assert row.holds(measured.value)
