"""The page of a replay or of the demo where its port was taken between the look and the listen."""

from __future__ import annotations

import asyncio
import socket
from argparse import Namespace

import pytest

from stressd.cli.errors import UserError
from stressd.cli.page import in_words
from stressd.cli.replay_page import show
from stressd.cli.watched import on_page
from tests.lab.test_replay import SERIES, stormy


async def fail(*errors: Exception) -> None:
    async def one(error: Exception) -> None:
        raise error

    async with asyncio.TaskGroup() as outer:
        for error in errors:
            outer.create_task(one(error))


def test_a_port_that_was_taken_meanwhile_ends_the_replay_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asked = Namespace(speed=10.0, listen=address, files=["stormy.csv"])
        with pytest.raises(UserError, match=f"cannot listen on {address}: address already in use"):
            show(on_page(SERIES), stormy(7, hours=1), asked)


def test_what_the_machine_refuses_to_a_task_is_one_line() -> None:
    with pytest.raises(UserError, match="no space left"), in_words():
        asyncio.run(fail(OSError("no space left")))


def test_a_fault_of_our_own_keeps_its_traceback() -> None:
    with pytest.raises(ExceptionGroup) as found, in_words():
        asyncio.run(fail(OSError("no space left"), KeyError("ours")))
    assert [type(error) for error in found.value.exceptions] == [OSError, KeyError]
    with pytest.raises(KeyError), in_words():
        raise KeyError("ours")
