"""Keys for HTTP: two at a time, each shown once; what an operator has ended stays ended, and all of it is recorded."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from deploy.local import OperatorError, Stack, cli
from deploy.local.commands import partner
from deploy.local.partner import Partner
from deploy.local.provision import hand_out, provision_databases
from messaging import database
from messaging.topology import GATEWAY, DeclaredNetwork, Organisation, System

CLINIC = Organisation("clinic", "Clínica", ("person.*",), systems=(System("clinic", "desk", (), ()),))


class Clinic:
    """An organisation that has just joined the suite's network, and its operator."""

    def __init__(self, stack: Stack, network: DeclaredNetwork) -> None:
        self.stack = stack
        self.network = network
        self.file = stack.state.organisations / CLINIC.id / "credentials.json"

    def provision(self) -> None:
        hand_out(self.stack, self.network)

    @contextlib.contextmanager
    def operator(self) -> Iterator[Partner]:
        with contextlib.closing(database.connect(self.stack.service_database_url(GATEWAY))) as connection:
            yield Partner(CLINIC, self.stack.state, connection)

    def new(self, system: str | None = None) -> str:
        with self.operator() as one:
            return one.new_api_key(system)

    def revoke(self, key: str) -> str:
        with self.operator() as one:
            return one.revoke_api_key(name(key))

    def handed_out(self, system: str | None = None) -> str | None:
        said = json.loads(self.file.read_text())
        key: str | None = (said if system is None else said["systems"][system])["api_key"]
        return key

    def valid(self, system: str | None = None) -> set[bytes]:
        """The digests of the keys that open."""
        rows = self.query(
            "select sha256 from api_key where organisation = 'clinic' and system is not distinct from %s "
            "and revoked_at is null",
            system,
        )
        return {bytes(row[0]) for row in rows}

    def acts(self) -> list[tuple[str, str, str | None]]:
        """What is recorded of its keys: the act, and of which key of which system."""
        rows = self.query(
            "select act, details from audit_entry where subject = 'clinic' and act like 'key\\_%%' order by number"
        )
        read = [(act, json.loads(details)) for act, details in rows]
        return [(act, said["key"], said["system"]) for act, said in read]

    def query(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.stack.service_database_url(GATEWAY), autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), params)
            return database.rows(cursor)


def digest(key: str | None) -> bytes:
    return hashlib.sha256(str(key).encode()).digest()


def name(key: str | None) -> str:
    return digest(key).hex()[:12]


@pytest.fixture
def clinic(provisioned: Stack, declared: DeclaredNetwork) -> Iterator[Clinic]:
    provision_databases(provisioned, declared)  # others may have made it anew
    joined = replace(declared, organisations={**declared.organisations, CLINIC.id: CLINIC})
    one = Clinic(provisioned, joined)
    one.query("delete from api_key where organisation = 'clinic'")
    one.file.unlink(missing_ok=True)
    one.provision()
    yield one
    one.query("delete from api_key where organisation = 'clinic'")
    one.query("delete from public_key where organisation = 'clinic'")
    hand_out(provisioned, declared)


def test_a_network_to_try_things_in_hands_out_keys_of_its_own_kind_and_no_other_opens_it(clinic: Clinic) -> None:
    live = clinic.handed_out()
    assert str(live).startswith("ruta_live_clinic_")
    clinic.network = replace(clinic.network, environment="test")
    clinic.provision()
    assert str(clinic.handed_out()).startswith("ruta_test_clinic_")
    assert json.loads(clinic.file.read_text())["environment"] == "test"
    assert clinic.valid() == {digest(clinic.handed_out())}


def test_a_second_key_is_valid_beside_the_first_and_only_its_digest_is_kept(clinic: Clinic) -> None:
    key = clinic.new()
    assert key.startswith("ruta_live_clinic_")
    assert clinic.valid() == {digest(clinic.handed_out()), digest(key)}
    kept = [one.read_text(errors="replace") for one in clinic.stack.state.directory.rglob("*.json")]
    assert not any(key in text for text in kept)
    assert clinic.acts()[-1] == ("key_handed_out", name(key), None)


def test_a_third_key_is_refused_until_one_is_revoked(clinic: Clinic) -> None:
    first = clinic.handed_out()
    second = clinic.new()
    before = clinic.acts()
    with pytest.raises(OperatorError, match="clinic has 2 API keys") as refusal:
        clinic.new()
    assert name(first) in str(refusal.value)
    assert name(second) in str(refusal.value)
    assert clinic.valid() == {digest(first), digest(second)}
    assert clinic.acts() == before
    clinic.revoke(second)
    third = clinic.new()
    assert clinic.valid() == {digest(first), digest(third)}


def test_each_system_has_two_of_its_own(clinic: Clinic) -> None:
    key = clinic.new("desk")
    assert clinic.valid("desk") == {digest(clinic.handed_out("desk")), digest(key)}
    assert clinic.valid() == {digest(clinic.handed_out())}
    assert clinic.acts()[-1] == ("key_handed_out", name(key), "desk")
    with pytest.raises(OperatorError, match="clinic has no such system: it has desk"):
        clinic.new("attendance")


def test_a_key_that_was_shown_once_is_good_after_provisioning(clinic: Clinic) -> None:
    key = clinic.new()
    clinic.provision()
    assert digest(key) in clinic.valid()
    clinic.file.unlink()
    clinic.provision()  # all that the file had is made anew
    assert clinic.valid() == {digest(key), digest(clinic.handed_out())}


def test_no_other_key_takes_the_place_of_one_that_an_operator_has_revoked(clinic: Clinic) -> None:
    first, second = clinic.handed_out(), clinic.new()
    clinic.revoke(str(first))
    for lost in (False, True):
        if lost:
            clinic.file.unlink()
        clinic.provision()
        assert clinic.handed_out() is None
        assert clinic.valid() == {digest(second)}
    assert clinic.handed_out("desk") is not None


def test_who_has_lost_its_last_key_has_none_until_an_operator_makes_one(clinic: Clinic) -> None:
    said = clinic.revoke(str(clinic.handed_out()))
    assert "clinic has no other" in said
    clinic.provision()
    assert clinic.valid() == set()
    key = clinic.new()
    assert clinic.valid() == {digest(key)}


def test_a_revoked_key_is_in_no_credentials_from_then_on_and_all_else_of_them_stays(clinic: Clinic) -> None:
    before = json.loads(clinic.file.read_text())
    clinic.revoke(str(clinic.handed_out("desk")))
    after = json.loads(clinic.file.read_text())
    assert after["systems"]["desk"]["api_key"] is None
    before["systems"]["desk"]["api_key"] = None
    assert after == before
    assert clinic.file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_shown_once_and_is_revoked_takes_nothing_from_the_credentials(clinic: Clinic) -> None:
    first, second = clinic.handed_out(), clinic.new()
    clinic.revoke(second)
    clinic.provision()
    assert clinic.handed_out() == first
    clinic.file.unlink()  # and what is lost of the first is made anew, as ever
    clinic.provision()
    assert clinic.valid() == {digest(clinic.handed_out())}


def test_revoking_is_recorded_once_however_often_it_is_said(clinic: Clinic) -> None:
    key = clinic.new()
    clinic.revoke(key)
    acts = clinic.acts()
    assert acts[-1] == ("key_revoked", name(key), None)
    assert clinic.revoke(key).startswith(f"The API key {name(key)} opens nothing any more")
    assert clinic.acts() == acts


def test_where_two_were_shown_once_provisioning_makes_no_third(clinic: Clinic) -> None:
    first, second = clinic.handed_out(), clinic.new()
    clinic.query("delete from api_key where sha256 = %s", digest(first))
    third = clinic.new()
    clinic.provision()
    assert clinic.valid() == {digest(second), digest(third)}
    assert clinic.handed_out() is None


@pytest.mark.parametrize("given", ["", "0" * 12, "clinic", "ruta_live_clinic_secret"])
def test_what_is_no_name_of_its_keys_is_refused_and_not_repeated(clinic: Clinic, given: str) -> None:
    before = clinic.valid()
    with clinic.operator() as one, pytest.raises(OperatorError, match="clinic has no API key of this name") as refusal:
        one.revoke_api_key(given)
    assert "secret" not in str(refusal.value)
    assert clinic.valid() == before


def test_nobody_revokes_a_key_of_another_organisation(clinic: Clinic) -> None:
    anothers = json.loads((clinic.stack.state.organisations / "iom" / "credentials.json").read_text())["api_key"]
    with pytest.raises(OperatorError, match="clinic has no API key of this name"):
        clinic.revoke(anothers)


def test_a_key_is_made_and_ended_only_with_its_entry(clinic: Clinic) -> None:
    before = clinic.valid()
    private = clinic.stack.state.audit / "private.pem"
    private.chmod(0o644)
    try:
        with pytest.raises(OperatorError, match="open to others"):
            clinic.new()
        with pytest.raises(OperatorError, match="open to others"):
            clinic.revoke(str(clinic.handed_out()))
    finally:
        private.chmod(0o600)
    assert clinic.valid() == before
    assert digest(clinic.handed_out()) in before


def test_an_operator_sees_the_names_of_keys_and_when_they_were_used(clinic: Clinic) -> None:
    key = clinic.new()
    clinic.query("update api_key set last_used_on = '2026-03-02' where sha256 = %s", digest(key))
    with clinic.operator() as one:
        shown = [line for line in one.show().splitlines() if line.startswith("API key")]
    assert [line.split()[2:4] for line in shown] == [
        [name(clinic.handed_out()), "clinic"],
        [name(key), "clinic"],
        [name(clinic.handed_out("desk")), "desk"],
    ]
    assert shown[1].endswith("last used 2026-03-02")
    assert shown[0].endswith("last used never")


def test_the_command_prints_the_key_alone_and_says_beside_it_that_it_is_shown_once(
    clinic: Clinic, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partner, "_partner", lambda _: clinic.operator())
    cli.app(["partner", "api-key", "new", "clinic", "--system", "desk"], result_action="return_value")
    said = capsys.readouterr()
    key = said.out.strip()
    assert digest(key) in clinic.valid("desk")
    assert "shown to nobody again" in said.err
    cli.app(["partner", "api-key", "revoke", "clinic", name(key)], result_action="return_value")
    said = capsys.readouterr()
    assert key not in said.out + said.err
    assert digest(key) not in clinic.valid("desk")
