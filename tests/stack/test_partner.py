"""Keys born where they are used: an organisation brings its own, which others seal to at once; nothing is restarted."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import sealing
from contracts.__main__ import main as contracts_command
from contracts.key_directory import read_directory
from deploy.local import OperatorError, Stack, issuing, keys, organisations, partner
from deploy.local.partner import Partner
from deploy.local.provision import hand_out, registered
from messaging import clock, database, topology
from messaging.public_keys import PublicKeys, in_force
from tests import commands
from tests.waiting import eventually

CLINIC = "clinic"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture
def joined(provisioned: Stack, declared: topology.DeclaredNetwork) -> Iterator[topology.DeclaredNetwork]:
    """The network with one more organisation, that no other test knows."""
    with database.connect(provisioned.service_database_url("gateway")) as connection:
        organisations.save(connection, organisations.Entry(CLINIC, 1, "Clínica", ("partner", "custody")))
        connection.commit()
        yield registered(provisioned, declared)
        connection.execute("delete from organisation where id = %s", (CLINIC,))
        connection.commit()
    hand_out(provisioned, registered(provisioned, declared))


@pytest.fixture
def clinic(provisioned: Stack, joined: topology.DeclaredNetwork, monkeypatch: pytest.MonkeyPatch) -> Iterator[Partner]:
    """It has just joined, and brought no key."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    hand_out(provisioned, joined)
    with partner.opened(provisioned.state, provisioned.service_database_url("gateway"), CLINIC) as one:
        yield one
        one.connection.rollback()
        one.connection.execute("delete from public_key where organisation = %s", (CLINIC,))
        one.connection.commit()
    shutil.rmtree(provisioned.state.organisations / CLINIC)


def born(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, sealing.Key]:
    """What an organisation sends its operator, and the private key, which stays with it."""
    private = folder / f"{len(list(folder.iterdir()))}.jwk"
    assert contracts_command(["key", "new", str(private)]) == 0
    public = private.with_suffix(".public")
    public.write_text(capsys.readouterr().out)
    return public, sealing.load_key(private)


def entry(one: Partner) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(one.state.directory_file.read_text())["organisations"][CLINIC]
    return said


def works(one: Partner, key: sealing.Key) -> bool | None:
    """Whether the services that run let through what is sealed to a key; None: it is nobody's."""
    return in_force(PublicKeys(one.state.directory_file).ids(), [CLINIC], key["kid"])


def test_who_brings_no_key_has_one_in_custody_which_the_directory_says(clinic: Partner) -> None:
    held = sealing.load_key(clinic.state.organisations / CLINIC / "private.jwk")
    said = entry(clinic)
    assert (said["public_key"], said["custody"]) == (sealing.public_part(held), "hub")
    assert [one["public_key"] for one in said["keys"]] == [said["public_key"]]
    everybody = json.loads(clinic.state.directory_file.read_text())["organisations"]
    assert "custody" not in everybody["hub"]  # its own key is where it belongs


def test_an_organisations_own_key_is_sealed_to_at_once_and_the_one_before_for_a_month(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = sealing.load_key(clinic.state.organisations / CLINIC / "private.jwk")
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    said = entry(clinic)
    assert said["public_key"] == sealing.public_part(private)
    assert "custody" not in said
    assert [works(clinic, key) for key in (private, held)] == [True, True]
    monkeypatch.setattr(clock, "now", lambda: NOW + MONTH)
    assert [works(clinic, key) for key in (private, held)] == [True, False]


def test_a_new_key_is_in_the_next_directory_that_the_hub_signs_and_provisioning_changes_nothing(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def signed() -> dict[str, Any]:
        return read_directory(clinic.state.signed_directory_file.read_text(), issuing.public_key(clinic.state))

    before = signed()
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    after = signed()
    assert after["organisations"][CLINIC]["public_key"]["kid"] == private["kid"]
    assert after["number"] == before["number"] + 1
    hand_out(provisioned, joined)
    clinic.rotate(file, MONTH)
    assert signed() == after


def test_the_hub_makes_and_holds_no_key_for_who_has_its_own(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    (clinic.state.organisations / CLINIC / "private.jwk").unlink()
    before = entry(clinic)
    hand_out(provisioned, joined)
    assert entry(clinic) == before
    assert not (clinic.state.organisations / CLINIC / "private.jwk").exists()
    secret = private["d"].encode()
    assert not any(secret in one.read_bytes() for one in clinic.state.organisations.rglob("*") if one.is_file())


@pytest.mark.parametrize("written", [False, True], ids=["before the directory was written", "after it"])
def test_a_rotation_that_was_cut_short_ends_right_when_it_is_done_again(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str], written: bool
) -> None:
    file, private = born(tmp_path, capsys)
    keys.add(clinic.connection, CLINIC, sealing.public_part(private), NOW, overlap=MONTH)
    clinic.connection.commit()
    if written:
        clinic.rotate(file, MONTH)
    clinic.rotate(file, MONTH)
    assert entry(clinic)["public_key"]["kid"] == private["kid"]
    assert len(entry(clinic)["keys"]) == 2


def test_a_stolen_key_is_over_at_once_and_what_is_sealed_to_it_is_refused(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, stolen), (second, private) = born(tmp_path, capsys), born(tmp_path, capsys)
    clinic.rotate(first, MONTH)
    clinic.rotate(second, MONTH)
    clinic.revoke(stolen["kid"])
    assert [works(clinic, key) for key in (private, stolen)] == [True, False]


def test_a_revocation_that_was_cut_short_ends_right_when_it_is_done_again(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, stolen), (second, _) = born(tmp_path, capsys), born(tmp_path, capsys)
    clinic.rotate(first, MONTH)
    clinic.rotate(second, MONTH)
    with monkeypatch.context() as killed:
        killed.setattr(partner, "write_directory", _fails)
        with pytest.raises(OSError, match="killed"):
            clinic.revoke(stolen["kid"])
    assert works(clinic, stolen) is True
    clinic.revoke(stolen["kid"])
    assert works(clinic, stolen) is False


def _fails(*_: Any) -> None:
    raise OSError("killed")


@pytest.mark.parametrize("before", [0, 1], ids=["its only one", "with one before that will end"])
def test_the_key_that_everybody_seals_to_is_not_revoked_before_there_is_another(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    for _ in range(before):
        clinic.rotate(born(tmp_path, capsys)[0], MONTH)
    said = entry(clinic)
    with pytest.raises(OperatorError, match="Give it a new one first"):
        clinic.revoke(said["public_key"]["kid"])
    assert entry(clinic) == said

    file, private = born(tmp_path, capsys)
    clinic.rotate(file, timedelta())
    assert works(clinic, {"kid": said["public_key"]["kid"]}) is False
    monkeypatch.setattr(clock, "now", lambda: NOW + 2 * MONTH)
    assert works(clinic, private) is True


def test_while_somebody_changes_keys_others_wait_and_the_last_directory_has_all_of_it(
    clinic: Partner, provisioned: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, one), (second, other) = born(tmp_path, capsys), born(tmp_path, capsys)
    address = provisioned.service_database_url("gateway")
    with (
        ThreadPoolExecutor(1) as somebody_else,
        partner.opened(provisioned.state, address, CLINIC) as beside,
        database.connect(address) as looking,
    ):
        with keys.alone(clinic.connection):
            waits = somebody_else.submit(beside.rotate, second, MONTH)
            eventually(lambda: looking.execute(WAITS).fetchall())
            assert not waits.done()
        clinic.rotate(first, MONTH)
        waits.result()
    assert {each["public_key"]["kid"] for each in entry(clinic)["keys"]} >= {one["kid"], other["kid"]}
    assert sum("valid_until" not in each for each in entry(clinic)["keys"]) == 1


WAITS = "select from pg_locks where locktype = 'advisory' and not granted"


def test_who_has_just_been_let_in_and_has_no_key_yet_keeps_nobodys_key_from_being_changed(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    organisations.save(clinic.connection, organisations.Entry("later", 1, "Later", ("partner", "custody")))
    clinic.connection.commit()
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    clinic.connection.execute("delete from organisation where id = 'later'")
    clinic.connection.commit()
    assert entry(clinic)["public_key"]["kid"] == private["kid"]
    assert "later" not in json.loads(clinic.state.directory_file.read_text())["organisations"]


def test_who_brings_its_key_before_it_is_provisioned_is_never_in_custody(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    clinic.connection.execute("delete from public_key where organisation = %s", (CLINIC,))
    clinic.connection.commit()
    shutil.rmtree(clinic.state.organisations / CLINIC)
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    hand_out(provisioned, joined)
    assert [each["public_key"]["kid"] for each in entry(clinic)["keys"]] == [private["kid"]]
    assert sorted(one.name for one in (clinic.state.organisations / CLINIC).iterdir()) == ["credentials.json"]


@pytest.mark.parametrize("whose", [CLINIC, "hub"])
def test_a_private_key_that_was_lost_and_is_found_again_is_in_force_again(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork, whose: str
) -> None:
    path = clinic.state.organisations / whose / "private.jwk"
    kept = path.with_name("kept")
    path.rename(kept)
    hand_out(provisioned, joined)
    meanwhile = sealing.load_key(path)
    kept.replace(path)
    hand_out(provisioned, joined)
    ids = PublicKeys(clinic.state.directory_file).ids()[whose]
    assert [ids[key["kid"]] for key in (sealing.load_key(path), meanwhile)] == [True, False]
    said = json.loads(clinic.state.directory_file.read_text())["organisations"][whose]
    assert said["public_key"] == sealing.public_part(sealing.load_key(path))


def test_a_revoked_private_key_that_comes_back_is_set_aside_and_not_put_in_force(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork
) -> None:
    path = clinic.state.organisations / CLINIC / "private.jwk"
    stolen = sealing.load_key(path)
    clinic.connection.execute("update public_key set revoked_at = %s where key_id = %s", (NOW, stolen["kid"]))
    clinic.connection.commit()
    hand_out(provisioned, joined)
    assert [works(clinic, key) for key in (sealing.load_key(path), stolen)] == [True, False]
    assert sealing.load_key(path.with_name(f"private-{stolen['kid']}.jwk")) == stolen


def test_a_key_that_was_used_before_or_is_anothers_is_not_put_in_force(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, _), (second, _) = born(tmp_path, capsys), born(tmp_path, capsys)
    clinic.rotate(first, timedelta())
    clinic.rotate(second, timedelta())
    hubs = tmp_path / "hubs"
    hubs.write_text(
        json.dumps(json.loads(clinic.state.directory_file.read_text())["organisations"]["hub"]["public_key"])
    )
    before = entry(clinic)
    for file in (first, hubs):
        with pytest.raises(OperatorError, match="has been used before"):
            clinic.rotate(file, MONTH)
        clinic.connection.rollback()
    assert entry(clinic) == before


OF_P_256 = sealing.public_part(sealing.new_key())
NO_KEYS = {
    "nothing": "",
    "no JSON": "Yuleisy",
    "a list": "[]",
    "a text": '"x"',
    "too deep": "[" * 100_000,
    "a number": json.dumps({**OF_P_256, "x": 1}),
    "another curve": json.dumps({**OF_P_256, "crv": "P-384"}),
    "no point of the curve": json.dumps({**OF_P_256, "x": OF_P_256["y"]}),
    "half of it": json.dumps({name: OF_P_256[name] for name in ("kty", "crv", "x")}),
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_public_key_is_refused_without_what_is_in_it(clinic: Partner, tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(OperatorError, match=r"^This is no public key") as error:
        clinic.rotate(file, MONTH)
    assert "Yuleisy" not in str(error.value)
    assert error.value.__context__ is None


def test_a_private_key_that_is_sent_is_refused_and_not_kept(clinic: Partner, tmp_path: Path) -> None:
    private = sealing.new_key()
    file = tmp_path / "key"
    file.write_text(json.dumps(private))
    with pytest.raises(OperatorError, match="private key") as error:
        clinic.rotate(file, MONTH)
    assert private["d"] not in str(error.value)
    rows = clinic.connection.execute("select jwk::text from public_key").fetchall()
    assert private["d"] not in str(rows)


def test_a_directory_says_only_the_public_part_whatever_else_stood_beside_it(clinic: Partner, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(json.dumps({**OF_P_256, "kid": "hub", "note": "Yuleisy"}))
    clinic.rotate(file, MONTH)
    assert entry(clinic)["public_key"] == OF_P_256


def test_where_the_private_part_in_custody_is_lost_nothing_more_is_sealed_to_it(
    clinic: Partner, provisioned: Stack, joined: topology.DeclaredNetwork
) -> None:
    path = clinic.state.organisations / CLINIC / "private.jwk"
    lost = sealing.load_key(path)
    path.unlink()
    hand_out(provisioned, joined)
    assert [works(clinic, key) for key in (sealing.load_key(path), lost)] == [True, False]


def test_who_an_organisation_is_stands_on_one_screen_without_a_key(
    clinic: Partner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, private = born(tmp_path, capsys)
    clinic.rotate(file, MONTH)
    refused = "insert into refusal_count values (%s, 'not_allowed', 'http', %s, %s)"
    clinic.connection.execute(refused, (CLINIC, NOW, 3))
    clinic.connection.execute(refused, (CLINIC, NOW - timedelta(days=1), 5))
    shown = clinic.show()
    credentials = json.loads((clinic.state.organisations / CLINIC / "credentials.json").read_text())
    assert shown.startswith("clinic  Clínica, active\n")
    assert f"{private['kid']}  its own, in force since 0 s ago" in shown
    assert "made by the hub, in custody, in force since 0 s ago, until 2026-04-01 09:00 UTC" in shown
    assert "refused     not_allowed 3 today" in shown
    assert len(shown.splitlines()) < 24
    assert not any(secret in shown for secret in (credentials["api_key"], private["x"], private["d"]))


def test_who_does_not_take_part_is_told_who_does(provisioned: Stack) -> None:
    address = provisioned.service_database_url("gateway")
    with (
        pytest.raises(OperatorError, match=r"^nobody does not take part; americares, barranquilla"),
        partner.opened(provisioned.state, address, "nobody"),
    ):
        pass


def test_a_database_that_is_away_is_one_sentence(provisioned: Stack) -> None:
    with (
        pytest.raises(OperatorError, match=r"^The database of the gateway did not do it: "),
        partner.opened(provisioned.state, "postgresql://nobody@127.0.0.1:1/x", "iom"),
    ):
        pass


def test_a_new_key_never_takes_the_place_of_one_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "private.jwk"
    assert contracts_command(["key", "new", str(file)]) == 0
    made = capsys.readouterr().out
    assert contracts_command(["key", "new", str(file)]) == 1
    assert contracts_command(["key", "public", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == made
    assert "is there already" in said.err
    assert json.loads(made) == sealing.public_part(sealing.load_key(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert contracts_command(["key", "public", str(tmp_path / "none")]) == 1


def test_an_organisation_makes_its_key_by_the_same_command_line_in_a_folder_of_its_own(tmp_path: Path) -> None:
    def init() -> subprocess.CompletedProcess[str]:
        return commands.run("deploy.local", "partner", "init", str(tmp_path / "clinic"))

    made = init()
    private = sealing.load_key(tmp_path / "clinic" / "private.jwk")
    assert keys.read_public(made.stdout) == sealing.public_part(private)
    assert (tmp_path / "clinic" / "private.jwk").stat().st_mode & 0o077 == 0
    assert init().returncode != 0
    assert sealing.load_key(tmp_path / "clinic" / "private.jwk") == private
