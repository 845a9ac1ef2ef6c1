"""A death is known at once, and only a death."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from multiprocessing.connection import Connection

import pytest

from rnnmusic.live.exchange.lifeline import IS_SUPPORTED
from rnnmusic.live.exchange.shared import Shared, SharedHandle
from rnnmusic.live.signals import exit_at_once

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="robust mutexes are Linux's")
SPAWN = multiprocessing.get_context("spawn")
HUNG_S = 30.0


def hold(handle: SharedHandle, line: Connection) -> None:
    handle.lifeline().hold()
    line.send_bytes(b"held")
    line.recv_bytes()
    exit_at_once(0)  # as the sampler ends; else Python would first take the memory apart


def test_nobody_holds_it_at_first() -> None:
    with Shared.create() as shared:
        assert not shared.handle.lifeline().has_died()
        assert not shared.handle.lifeline().has_died()


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "left"])
def test_it_tells_of_the_end_of_its_holder(is_killed: bool) -> None:
    with Shared.create() as shared:
        mine, theirs = SPAWN.Pipe()
        holder = SPAWN.Process(target=hold, args=(shared.handle, theirs))
        holder.start()
        theirs.close()
        assert mine.recv_bytes() == b"held"
        died: list[bool] = []
        waiter = threading.Thread(target=lambda: died.append(shared.handle.lifeline().has_died()))
        waiter.start()
        waiter.join(0.3)
        assert waiter.is_alive()
        if is_killed:
            holder.kill()
        else:
            mine.send_bytes(b"go")
        waiter.join(HUNG_S)
        assert died == [True]
        holder.join()
        mine.close()
        assert (holder.exitcode == -signal.SIGKILL) is is_killed
