"""A network of real processes whose time can be moved, and organisations' systems that live through a story on it."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import psycopg
import pytest
from psycopg.rows import dict_row

from demo.day import make_day
from demo.stage import Ground, Stage, network_on, organisations_on
from demo.stories import STORIES
from messaging import broker
from messaging.topology import GATEWAY, NETWORK
from tests.directories import make_directory
from tests.waiting import eventually

PEOPLE = 60

Tell = Callable[..., AbstractContextManager[Stage]]


@pytest.fixture(scope="package")
def started() -> Iterator[Ground]:
    """A network of its own for the journeys: they move its time, which no other test would like."""
    directory = make_directory("journeys")
    with network_on(directory) as ground, pytest.MonkeyPatch.context() as patching:
        # It may run until the suite ends: what other tests start meanwhile has the machine's time.
        patching.delenv("RUTA_CLOCK_FILE")
        yield ground
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def ground(started: Ground) -> Iterator[Ground]:
    """The journeys' network; what is started meanwhile has its time."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setenv("RUTA_CLOCK_FILE", str(started.clock_file))
        yield started


@pytest.fixture
def tell(ground: Ground, tmp_path: Path, request: pytest.FixtureRequest) -> Tell:
    """Let the organisations live through stories, by name: `with tell("served after a visit") as stage`."""

    @contextmanager
    def telling(*names: str, referrals: int = 0) -> Iterator[Stage]:
        stories = [story for story in STORIES if story.name in names]
        assert len(stories) == len(names)
        # Another seed for each test: nobody is the same person twice.
        seed = crc32(request.node.nodeid.encode())
        day = make_day(PEOPLE, referrals, seed=seed, starts_at=_now(ground), stories=stories, mistakes=False)
        for organisation in day.steps:
            home = tmp_path / organisation
            home.mkdir()
            for handed_out in ("credentials.json", "private.jwk"):
                shutil.copy2(ground.home(organisation) / handed_out, home)
        _empty_inboxes(ground, day.steps)
        with organisations_on(ground, day, tmp_path) as stage:
            yield stage

    return telling


def _empty_inboxes(ground: Ground, organisations: Iterable[str]) -> None:
    """Throw away what an earlier journey has left unread: nobody of this one knows what to make of it."""
    for organisation in organisations:
        connection: Any = broker.connect(ground.stack.amqp_url(organisation, NETWORK))
        connection.channel().queue_purge(ground.network.declared.organisations[organisation].inbox())
        connection.close()
    gateway = ground.stack.service_database_url(GATEWAY)
    with psycopg.connect(gateway) as database:
        database.execute(
            "update delivery set acknowledged_at = clock_timestamp() "
            "where acknowledged_at is null and organisation = any(%s)",
            (list(organisations),),
        )


def _now(ground: Ground) -> datetime:
    return datetime.now(UTC) + ground.offset


def ask(ground: Ground, service: str, sql: Any, *parameters: Any) -> list[dict[str, Any]]:
    """What a service's database answers."""
    with psycopg.connect(ground.stack.service_database_url(service), row_factory=dict_row) as connection:
        return connection.execute(sql, parameters).fetchall()


def history(ground: Ground, referral_id: str) -> list[tuple[str, str]]:
    """(who, what) of all that happened to a referral, in order."""
    rows = ask(
        ground,
        "referrals",
        "select organisation, what from history where referral_id = %s order by history_id",
        referral_id,
    )
    return [(row["organisation"], row["what"]) for row in rows]


def comes_to(look: Callable[[], Any], expected: Any) -> None:
    """Fail unless what is looked at is as expected, or becomes so.

    A network is taken to be at rest when nothing moves for a while: on a machine whose disk stands still for as long,
    somebody may have the last message in hand.
    """
    with suppress(AssertionError):
        eventually(lambda: look() == expected)
    assert look() == expected


def kinds_received(stage: Stage, organisation: str, kinds: Sequence[str]) -> list[str]:
    """Which of these kinds of message an organisation's own log has, each as often as it was delivered."""
    (log,) = (log for log in stage.logs() if log.organisation == organisation)
    return [row["kind"] for row in log.deliveries if row["kind"] in kinds]


def numbers_received(stage: Stage, organisation: str, referral_id: str) -> list[int]:
    """The numbers of a referral's messages in an organisation's own log, repeats left out."""
    (log,) = (log for log in stage.logs() if log.organisation == organisation)
    return sorted({row["sequence"] for row in log.deliveries if row["referral_id"] == referral_id})
