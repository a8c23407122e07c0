"""The directory of public keys is signed by the hub, and its number rises with every change and never falls."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import sealing
from contracts.key_directory import DirectoryError, read_directory
from deploy.local import OperatorError, Stack, issuing
from deploy.local.provision import hand_out
from deploy.local.state import ROOT, State
from messaging import database
from messaging.migrate import migrate
from messaging.public_keys import PublicKeys
from messaging.topology import DeclaredNetwork
from tests.examples import KEYS, write_directory

KEY = sealing.public_part(KEYS["hub"])
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    """A database with the gateway's tables."""
    url = stack.create_database("issuing")
    migrate(url, ROOT / "hub" / "gateway")
    yield url
    stack.drop_database("issuing")


class Hub:
    """Who issues directories: a database, and a folder with a key and files."""

    def __init__(self, address: str, state: State) -> None:
        self.address = address
        self.state = state
        self.query("delete from key_directory")

    def query(self, sql: str) -> list[dict[str, Any]]:
        with database.connect(self.address) as connection:
            cursor = connection.execute(sql.encode())
            return database.rows(cursor)

    def issue(self, *organisations: str, now: datetime = NOW) -> int:
        """Issue one with these organisations, as a process that has just started; its number."""
        entries = {one: {"name": one, "public_key": KEY, "keys": [{"public_key": KEY}]} for one in organisations}
        with contextlib.closing(database.connect(self.address)) as connection:  # which commits nothing by itself
            issuing.issue(connection, self.state, {"organisations": entries}, now)
        return int(self.said()["number"])

    def signed(self) -> str:
        return self.state.signed_directory_file.read_text()

    def said(self) -> dict[str, Any]:
        return read_directory(self.signed(), issuing.public_key(self.state))


@pytest.fixture
def hub(address: str, tmp_path: Path) -> Hub:
    state = State(tmp_path)
    state.make()
    return Hub(address, state)


def test_the_number_rises_with_every_change_and_only_then(hub: Hub) -> None:
    assert hub.issue("redcross") == 1
    first = hub.signed()
    assert hub.issue("redcross", now=NOW + timedelta(days=1)) == 1
    assert hub.signed() == first
    assert hub.issue("redcross", "iom") == 2
    assert hub.issue("redcross") == 3  # as it was before is a change, too
    assert hub.said()["issued_at"] == "2026-03-02T09:00:00+00:00"
    rows = hub.query("select number, jws from key_directory order by number")
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert [rows[0]["jws"], rows[2]["jws"]] == [first, hub.signed()]


def test_the_directory_in_clear_is_what_is_signed(hub: Hub) -> None:
    hub.issue("hub", "redcross")
    assert json.loads(hub.state.directory_file.read_text()) == hub.said()
    assert PublicKeys(hub.state.directory_file).ids()["redcross"] == {KEY["kid"]: True}
    assert hub.state.directory_file.stat().st_mode & 0o777 == 0o644
    assert hub.state.signed_directory_file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("lost", ["signed_directory_file", "directory_file"])
def test_a_file_that_was_lost_is_written_again_as_it_was(hub: Hub, lost: str) -> None:
    hub.issue("redcross")
    number, before = hub.issue("iom"), hub.signed()
    path: Path = getattr(hub.state, lost)
    path.unlink()
    assert hub.issue("iom") == number
    assert hub.signed() == before
    assert path.exists()


def test_a_database_that_was_restored_gives_no_number_a_second_time(hub: Hub) -> None:
    for name in ("redcross", "iom", "fuvadis"):
        hub.issue(name)
    hub.query("delete from key_directory where number > 1")
    assert hub.issue("redcross") == 4


def test_a_directory_of_before_there_were_numbers_is_followed_by_the_first(hub: Hub) -> None:
    write_directory(hub.state.directory_file)
    assert hub.issue("redcross") == 1


def test_where_the_key_was_lost_a_new_one_signs_under_the_next_number(hub: Hub) -> None:
    hub.issue("redcross")
    before = issuing.public_key(hub.state)
    for one in hub.state.signing.iterdir():
        one.unlink()
    assert hub.issue("redcross") == 2
    with pytest.raises(DirectoryError, match=r"^signed_by_another"):
        read_directory(hub.signed(), before)


def test_nothing_is_issued_where_the_key_is_open_to_others(hub: Hub) -> None:
    hub.issue("redcross")
    before = hub.signed()
    (hub.state.signing / "private.pem").chmod(0o644)
    with pytest.raises(OperatorError, match=r"^The directory of public keys cannot be signed: .*open to others"):
        hub.issue("iom")
    assert hub.signed() == before
    assert len(hub.query("select number from key_directory")) == 1


def test_every_organisation_is_handed_the_key_to_check_with_and_nobody_the_one_that_signs(
    provisioned: Stack, declared: DeclaredNetwork
) -> None:
    hand_out(provisioned, declared)
    state = provisioned.state
    for name in declared.organisations:
        handed_out = json.loads((state.organisations / name / "credentials.json").read_text())
        said = read_directory(state.signed_directory_file.read_text(), handed_out["directory_key"])
        assert name in said["organisations"]
        assert handed_out["directory_key"].keys() == {"kty", "crv", "x", "kid"}
    private = state.signing / "private.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert state.signing.stat().st_mode & 0o777 == 0o700
