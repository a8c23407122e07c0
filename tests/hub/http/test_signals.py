"""Whoever waits for an inbox or an outcome is woken by what has been committed since, and by nothing else for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from chaos.proxy import Proxy
from deploy.local import Stack
from hub.gateway.http import signals
from hub.gateway.http.signals import Signals
from messaging.health import health

WITHIN = 60.0  # seconds; reached only where something is broken


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    yield stack.create_database("signals")
    stack.drop_database("signals")


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Signals]:
    async with Signals(url) as listening:
        await woken(listening.inbox("redcross"))  # when it begins to listen everybody is woken
        yield listening


async def woken(waiting: Awaitable[None]) -> None:
    async with asyncio.timeout(WITHIN):
        await waiting


def say(url: str, channel: str, organisation: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_notify(%s, %s)", (channel, organisation))


def test_who_waits_is_woken_by_its_own_signal_alone(url: str) -> None:
    async def of_all() -> None:
        async with listening(url) as here:
            inbox, other, outcome = here.inbox("redcross"), here.inbox("iom"), here.outcome("redcross")
            await asyncio.to_thread(say, url, "inbox", "redcross")
            await woken(inbox)
            assert [other.done(), outcome.done()] == [False, False]
            await asyncio.to_thread(say, url, "outcome", "redcross")
            await woken(outcome)
            assert not other.done()

    asyncio.run(of_all())


def test_what_is_said_between_the_call_and_the_wait_is_heard(url: str) -> None:
    async def of_all() -> None:
        async with listening(url) as here:
            early, later = here.inbox("redcross"), here.inbox("redcross")
            await asyncio.to_thread(say, url, "inbox", "redcross")
            await woken(later)  # so it has been heard
            assert early.done()

    asyncio.run(of_all())


def test_who_gives_up_waiting_leaves_nothing_behind_and_the_others_waiting(url: str) -> None:
    async def of_all() -> None:
        async with listening(url) as here:
            stays = here.inbox("redcross")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(here.inbox("redcross"), 0)
            assert not stays.done()
            stays.cancel()
            await asyncio.sleep(0)
            assert not here._waiting

    asyncio.run(of_all())


def end_the_session(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gateway-http signals'"
        )


@pytest.mark.parametrize("lost", [end_the_session])
def test_when_the_connection_is_there_anew_everybody_is_woken(url: str, lost: Callable[[str], None]) -> None:
    async def of_all() -> None:
        async with listening(url) as here:
            waiting = here.inbox("redcross"), here.inbox("iom"), here.outcome("iom")
            await asyncio.to_thread(lost, url)
            for one in waiting:
                await woken(one)
            again = here.inbox("redcross")
            await asyncio.to_thread(say, url, "inbox", "redcross")
            await woken(again)

    asyncio.run(of_all())
    assert "database" not in health._problems


def test_a_database_that_answers_no_more_is_noticed_and_listened_to_when_it_does(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "ASK_EVERY", 0.1)
    monkeypatch.setattr(signals, "ANSWER_WITHIN", 0.5)
    monkeypatch.setattr(signals, "RECONNECT_WITHIN", 0.05)
    proxy = Proxy(url)

    async def noticed() -> None:
        async with asyncio.timeout(WITHIN):
            while "database" not in health._problems:
                await asyncio.sleep(0.01)

    async def of_all() -> None:
        async with Signals(proxy.url) as here:
            await woken(here.inbox("redcross"))
            waiting = here.inbox("redcross")
            proxy.listening.clear()
            await noticed()
            monkeypatch.setattr(signals, "ANSWER_WITHIN", 10.0)
            proxy.listening.set()
            await woken(waiting)
            again = here.inbox("redcross")
            await asyncio.to_thread(say, url, "inbox", "redcross")
            await woken(again)

    try:
        asyncio.run(of_all())
    finally:
        proxy.close()
    assert "database" not in health._problems


def test_at_the_end_everybody_is_woken_and_nobody_waits_any_more(url: str) -> None:
    async def of_all() -> None:
        async with listening(url) as here:
            waiting, ending = here.inbox("redcross"), here.ending()
            here.end()
            for one in (waiting, ending, here.outcome("iom")):
                await woken(one)
            assert here.ended

    asyncio.run(of_all())
