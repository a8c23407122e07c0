"""What the command line does to the network is in the audit: provisioning, keys, permissions; and no secret is."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from contracts import sealing
from contracts.codes import Power
from deploy.local import OperatorError, Stack, cli, partner
from deploy.local.commands.reached import reading
from deploy.local.provision import hand_out, provision, provision_databases
from deploy.local.state import State
from deploy.local.trail import Trail, record, trail
from hub.gateway.audit import __main__ as command
from hub.gateway.audit import keys, words
from hub.monitor.log import confidential
from hub.monitor.mending import operations
from messaging import database
from messaging.topology import GATEWAY, DeclaredNetwork, Organisation, System

CANARY = "Yolimar-Canaria"
NEW = Organisation(
    "newcomer",
    "Newcomer's name",
    ("person.*",),
    frozenset({Power.KEYS_IN_CUSTODY}),
    (System("newcomer", "desk", (), ()),),
)


class Gateway:
    """The audit of the shared servers' gateway, from now on."""

    def __init__(self, stack: Stack, declared: DeclaredNetwork) -> None:
        self.stack = stack
        self.declared = declared
        self.url = stack.service_database_url(GATEWAY)
        self.begin = 0
        self.forget()

    def query(self, sql: str, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def forget(self) -> None:
        """Look from here on only."""
        self.begin = self.query("select coalesce(max(number), 0) as last from audit_entry")[0]["last"]

    def acts(self) -> list[tuple[str, str]]:
        return [(row["act"], row["subject"]) for row in self.rows()]

    def rows(self) -> list[dict[str, Any]]:
        rows = self.query("select * from audit_entry where number > %s order by number", self.begin)
        return [row | {"details": json.loads(row["details"])} for row in rows]

    def with_(self, *organisations: Organisation) -> DeclaredNetwork:
        known = dict(self.declared.organisations)
        return replace(self.declared, organisations=known | {one.id: one for one in organisations})


@pytest.fixture
def gateway(provisioned: Stack, declared: DeclaredNetwork) -> Iterator[Gateway]:
    provision_databases(provisioned, declared)  # others may have made it anew
    hand_out(provisioned, declared)
    yield Gateway(provisioned, declared)
    hand_out(provisioned, declared)


@pytest.fixture
def verified(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the test has done is right in the audit afterwards."""
    yield
    monkeypatch.setenv("SERVICE_DATABASE_URL", gateway.url)
    monkeypatch.setenv("GATEWAY_AUDIT_DIRECTORY", str(gateway.stack.state.audit))
    (gateway.stack.state.audit / "checkpoints.jsonl").unlink()  # it may know of a database that others have dropped
    record(gateway.url, gateway.stack.state, "broker_repaired", "network")
    assert command.main(["verify"]) == 0


def test_provisioning_is_recorded_once_and_what_it_did_not_change_is_not(gateway: Gateway) -> None:
    provision(gateway.stack, gateway.declared)
    assert gateway.acts() == [("network_provisioned", "network")]
    (row,) = gateway.rows()
    assert row["actor"] == f"operator:{os.environ.get('SUDO_UID') or os.getuid()}"
    assert row["details"] == {
        "organisations": len(gateway.declared.organisations),
        "services": sorted(gateway.declared.services),
    }


def test_an_organisation_that_is_new_changed_or_gone_is_recorded_with_its_keys(
    gateway: Gateway, verified: None
) -> None:
    hand_out(gateway.stack, gateway.with_(NEW))
    assert gateway.acts() == [
        ("organisation_added", "newcomer"),
        ("public_key_added", "newcomer"),
        ("key_handed_out", "newcomer"),
        ("key_handed_out", "newcomer"),
    ]
    added, _, *handed_out = gateway.rows()
    assert (added["details"]["name"], added["details"]["may_send"]) == ("Newcomer's name", ["person.*"])
    assert [row["details"]["system"] for row in handed_out] == [None, "desk"]
    key = json.loads((gateway.stack.state.organisations / "newcomer" / "credentials.json").read_text())["api_key"]
    assert key not in str(gateway.rows())

    gateway.forget()
    hand_out(gateway.stack, gateway.with_(NEW))
    assert gateway.acts() == []

    hand_out(
        gateway.stack,
        gateway.with_(
            replace(NEW, may_send=("person.*", "match.*"), powers=frozenset({Power.RUN_PROGRAMMES, *NEW.powers}))
        ),
    )
    (changed,) = gateway.rows()
    assert (changed["act"], changed["details"]["changed"]) == ("organisation_changed", ["may_send", "powers"])

    gateway.forget()
    hand_out(gateway.stack, gateway.declared)
    assert gateway.acts() == [
        ("organisation_removed", "newcomer"),
        ("key_revoked", "newcomer"),
        ("key_revoked", "newcomer"),
    ]
    assert {row["details"]["key"] for row in gateway.rows()[1:]} == {row["details"]["key"] for row in handed_out}

    gateway.forget()
    hand_out(gateway.stack, gateway.declared)
    assert gateway.acts() == []
    hand_out(gateway.stack, gateway.with_(NEW))
    assert gateway.acts()[0] == ("organisation_added", "newcomer")


def test_a_key_that_is_made_anew_is_recorded_with_the_one_that_it_ends(gateway: Gateway) -> None:
    (gateway.stack.state.organisations / "fuvadis" / "credentials.json").unlink()
    hand_out(gateway.stack, gateway.declared)
    systems = len(gateway.declared.organisations["fuvadis"].systems)
    assert sorted(gateway.acts()) == sorted(
        [("key_handed_out", "fuvadis"), ("key_revoked", "fuvadis")] * (1 + systems),
    )


def test_keys_to_seal_to_are_recorded_as_they_come_and_go(
    gateway: Gateway, tmp_path: Path, declared: DeclaredNetwork
) -> None:
    key = sealing.public_part(sealing.new_key())
    (tmp_path / "public.jwk").write_text(json.dumps(key))
    before = keys_in_force(gateway, "fuvadis")
    try:
        with partner.opened(gateway.stack.state, gateway.url, "fuvadis") as one:
            one.rotate(tmp_path / "public.jwk", timedelta(days=1))
            one.rotate(tmp_path / "public.jwk", timedelta(days=1))  # again, which changes nothing
            one.revoke(before[0])
        assert [(row["act"], row["subject"], row["details"]["key"]) for row in gateway.rows()] == [
            ("public_key_added", "fuvadis", key["kid"]),
            ("public_key_revoked", "fuvadis", before[0]),
        ]
    finally:  # one in custody again, for whoever comes next
        gateway.query("delete from public_key where organisation = 'fuvadis'")
        hand_out(gateway.stack, declared)


def test_a_key_to_seal_to_is_not_taken_where_that_cannot_be_recorded(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "public.jwk").write_text(json.dumps(sealing.public_part(sealing.new_key())))
    before = keys_in_force(gateway, "fuvadis")
    (gateway.stack.state.audit / keys.PRIVATE).chmod(0o644)
    try:
        with partner.opened(gateway.stack.state, gateway.url, "fuvadis") as one:
            assert "fuvadis" in one.show()  # to look needs no record
            with pytest.raises(OperatorError, match="open to others"):
                one.rotate(tmp_path / "public.jwk", timedelta())
            with pytest.raises(OperatorError, match="open to others"):
                one.revoke(before[0])
    finally:
        (gateway.stack.state.audit / keys.PRIVATE).chmod(0o600)
    assert keys_in_force(gateway, "fuvadis") == before


def keys_in_force(gateway: Gateway, organisation: str) -> list[str]:
    rows = gateway.query(
        "select key_id from public_key where organisation = %s and revoked_at is null order by number", organisation
    )
    return [row["key_id"] for row in rows]


@pytest.mark.parametrize("details", ["", "[]", "null", "{", '"x"'])
def test_what_was_recorded_and_cannot_be_read_any_more_is_recorded_anew(gateway: Gateway, details: str) -> None:
    gateway.query("alter table audit_entry disable trigger user")
    [last] = gateway.query(
        "select number, details from audit_entry where subject = 'iom' and act like 'organisation%%' "
        "order by number desc limit 1"
    )
    gateway.query("update audit_entry set details = %s where number = %s", details, last["number"])
    try:
        hand_out(gateway.stack, gateway.declared)
        assert gateway.acts() == [("organisation_changed", "iom")]
    finally:
        gateway.query("update audit_entry set details = %s where number = %s", last["details"], last["number"])
        gateway.query("alter table audit_entry enable trigger user")


def test_a_key_is_handed_out_only_with_its_entry(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    before = gateway.query("select sha256 from api_key order by 1")
    (gateway.stack.state.organisations / "iom" / "credentials.json").unlink()

    def fail(*_: object) -> None:
        raise psycopg.OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("deploy.local.trail.store.append", fail)
        with pytest.raises(OperatorError, match="the disk is full"):
            hand_out(gateway.stack, gateway.declared)
    assert gateway.query("select sha256 from api_key order by 1") == before


def test_the_broker_is_not_changed_where_that_cannot_be_recorded(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gateway.stack.state.audit / keys.PRIVATE).chmod(0o644)
    monkeypatch.setattr(Stack, "provision_broker", lambda *_: pytest.fail("it was changed"))
    try:
        with pytest.raises(OperatorError, match="open to others"):
            provision(gateway.stack, gateway.declared)
    finally:
        (gateway.stack.state.audit / keys.PRIVATE).chmod(0o600)


def test_one_sentence_says_what_keeps_an_act_from_being_recorded(gateway: Gateway, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.make()
    with pytest.raises(OperatorError, match="nothing was done"):
        record("postgresql://gateway:secret@127.0.0.1:1/gateway", state, "broker_repaired", "network")
    state.audit.write_text("no folder")
    with pytest.raises(OperatorError, match="cannot be written"):
        record(gateway.url, state, "broker_repaired", "network")
    assert gateway.acts() == []


def test_no_secret_and_nobodys_name_is_in_any_entry(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", CANARY)
    monkeypatch.setenv("LOGNAME", CANARY)
    (gateway.stack.state.organisations / "iom" / "credentials.json").unlink()
    provision(gateway.stack, gateway.with_(NEW))

    text = str(gateway.query("select * from audit_entry")) + str(gateway.query("select * from audit_checkpoint"))
    text += (gateway.stack.state.audit / "checkpoints.jsonl").read_text()
    secret = {CANARY, *gateway.stack.state.known_passwords().values()}
    for file in gateway.stack.state.organisations.rglob("*"):
        if file.is_file():
            said = json.loads(file.read_text())
            secret |= {said[name] for name in ("d", "api_key", "amqp_url") if name in said}
            secret |= {one["api_key"] for one in said.get("systems", {}).values()}
    assert len(secret) > 30
    assert [one for one in secret if one in text] == []
    assert re.search(r"ruta_live_|PRIVATE KEY", text) is None


def test_every_act_that_the_code_records_has_words_in_both_languages() -> None:
    root = Path(cli.__file__).parents[2]
    files = [*(root / "deploy").rglob("*.py"), *(root / "hub" / "console").rglob("*.py")]
    files += (root / "hub" / "monitor").rglob("*.py")
    files.append(root / "hub" / "gateway" / "audit" / "refusals.py")
    written = "".join(file.read_text() for file in files)
    for act in words.ACTS:
        assert f'"{act}"' in written
    no_error = r'(?:(?!Stopped\()[^"\n])*'  # what is raised beside it is none
    noted = set(
        re.findall(
            r"(?:\.note\(|Act\(\s*ACTOR,|Act\(by,|_act\(asked,"
            rf'|record\((?:{no_error}\n){{0,3}}{no_error})\s*"(\w+)"',
            written,
        )
    )
    assert noted | set(operations.ACTS.values()) | {confidential.ACT} == words.ACTS.keys()


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_is_told_the_gateways_database_and_the_folder_of_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUTA_STATE", str(tmp_path))
    monkeypatch.delenv("RUTA_DATABASE_URL", raising=False)
    state = State(tmp_path)
    with state.held():
        state.write_running({"databases": {"gateway": "g", "reports": "r"}})
        with reading("gateway", ("verify",), commands=("verify", "search")) as variables:
            assert variables == {"SERVICE_DATABASE_URL": "g", "GATEWAY_AUDIT_DIRECTORY": str(tmp_path / "audit")}
        with reading("reports", ("5w",), commands=("5w",)) as variables:
            assert variables == {"SERVICE_DATABASE_URL": "r"}


def test_two_that_note_at_once_write_one_chain(gateway: Gateway) -> None:
    with trail(gateway.url, gateway.stack.state) as one, trail(gateway.url, gateway.stack.state) as other:
        noted: tuple[Trail, Trail] = (one, other)
        for number in range(6):
            noted[number % 2].note("broker_repaired", "network", differences=number)
            noted[number % 2].commit()
    assert [row["details"]["differences"] for row in gateway.rows()] == list(range(6))
