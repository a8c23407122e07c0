"""The directory shows what organisations publish, as they last said it, and no confidential place."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import uuid7
from messaging import database
from messaging.transaction import Transaction, transaction
from services.referrals import messages, store
from tests import commands
from tests.examples import ANOTHER, NOW, RECIPIENT, SERVICE_ID, say, service_published
from tests.services.conftest import ReferralsUnderTest
from tests.services.test_capacity import capacity_stated
from tools.directory.checking import faults

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)
PLACE = contracts.Location(name="Casa Azul", address="Calle 72 # 41-10", zone="08001")


def listings(referrals: ReferralsUnderTest) -> list[dict[str, Any]]:
    return [row["listing"] for row in referrals.rows("select listing from directory")]


def test_the_directory_shows_all_that_an_organisation_last_said(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    newest = service_published(locations=(PLACE,), languages=("guc",), description="Con médica.")
    referrals.hear(newest, source=RECIPIENT, said_at=NOW + HOUR)
    (listing,) = listings(referrals)
    assert contracts.ServicePublished.model_validate_json(json.dumps(listing)) == newest


def test_a_service_published_in_the_first_version_is_shown_in_the_second(referrals: ReferralsUnderTest) -> None:
    old = contracts.ServicePublishedV1(
        service_id=SERVICE_ID, name="Consulta", need_codes=("health.consultation",), active=True, zone="08001"
    )
    referrals.hear(old, source=RECIPIENT)
    (listing,) = listings(referrals)
    assert listing["zones"] == ["08001"]


def test_a_place_that_becomes_confidential_is_nowhere_any_more(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(locations=(PLACE,)), source=RECIPIENT)
    assert "Calle 72" in str(referrals.rows("select service::text from service"))
    referrals.hear(service_published(confidential_location=True), source=RECIPIENT, said_at=NOW + HOUR)
    assert "Calle 72" not in str(referrals.rows("select service::text from service"))


FROM_BEFORE = ROOT / "services" / "referrals" / "migrations" / "0013_no_confidential_place_is_left_from_before.sql"


@pytest.mark.parametrize(
    ("need", "said", "stays"),
    [
        ("gbv.safe_house", {}, False),
        ("gbv.safe_house", {"public_location": True}, True),
        ("health.consultation", {}, True),
    ],
)
def test_of_what_was_kept_before_no_place_for_a_confidential_need_is_left(
    referrals: ReferralsUnderTest, need: str, said: dict[str, Any], stays: bool
) -> None:
    as_it_was = service_published(need_codes=(need,), locations=(PLACE,), **said).model_dump_json(exclude_none=True)
    referrals.hear(service_published(need_codes=(need,)), source=RECIPIENT)
    referrals.rows("update service set listing = %s::jsonb returning service_id", as_it_was)
    update = FROM_BEFORE.read_text().rstrip().removesuffix(";")
    referrals.rows(f"{update.replace('%', '%%')} returning service_id")
    assert ("Calle 72" in str(referrals.rows("select service::text from service"))) is stays


@pytest.mark.parametrize("need", ["gbv.safe_house", "gbv.not_yet_named"])
def test_a_place_for_a_confidential_need_is_not_kept_unless_it_is_said_to_be_public(
    referrals: ReferralsUnderTest, need: str
) -> None:
    said = {"need_codes": ("health.consultation", need), "locations": (PLACE,), "description": "Calle 72"}
    referrals.hear(service_published(**said), source=RECIPIENT)
    assert "Calle 72" not in str(referrals.rows("select service::text from service"))
    referrals.hear(service_published(**said, public_location=True), source=RECIPIENT, said_at=NOW + HOUR)
    (listing,) = listings(referrals)
    assert listing["locations"][0]["address"] == PLACE.address


def test_a_confidential_place_planted_in_a_row_is_not_shown(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(confidential_location=True), source=RECIPIENT)
    planted = service_published(locations=(PLACE,), description="Calle 72").model_dump(mode="json")
    planted["confidential_location"] = True
    referrals.rows("update service set listing = %s::jsonb returning service_id", json.dumps(planted))
    (listing,) = listings(referrals)
    assert listing["confidential_location"]
    assert "Calle 72" not in str(listing)


def test_what_was_published_before_all_was_kept_is_left_out(referrals: ReferralsUnderTest) -> None:
    referrals.hear(service_published(), source=RECIPIENT)
    referrals.rows("update service set listing = '{}' returning service_id")
    assert listings(referrals) == []


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def published(referrals_database: str) -> Iterator[str]:
    """A database with an ordinary service, its capacity, and a confidential one; empty again afterwards."""
    hidden = service_published(service_id=uuid7(), confidential_location=True, name="Acogida", phone="+576053850001")
    shown = service_published(locations=(PLACE,))
    with database.connect(referrals_database) as connection:
        with transaction(connection) as tx:
            publish(tx, shown, RECIPIENT)
            publish(tx, hidden, ANOTHER)
            store.state_capacity(tx, messages.capacity(capacity_stated(valid_until=NOW + timedelta(days=36500))))
        yield referrals_database
        connection.execute("truncate referral, service, capacity, decision, place_in_line, history")
        connection.commit()


def publish(tx: Transaction, service: contracts.ServicePublished, organisation: str) -> None:
    message = say(service, source=organisation)
    store.publish_service(tx, messages.service(message), messages.listing(message.data))


def export(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("tools.directory", "export", *words, environment=os.environ | {"SERVICE_DATABASE_URL": url})


def test_the_export_is_a_page_of_valid_services_without_a_confidential_place(published: str) -> None:
    done = export(published)
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)
    assert page["total_items"] == 2
    assert [fault for document in page["contents"] for fault in faults(document)] == []
    hidden, shown = page["contents"]
    assert shown["organization"]["name"] == "OIM"
    assert shown["wait_time"].startswith("Con lista de espera, 14 en espera, unos 20 días")
    assert "Calle 72" in json.dumps(shown)
    assert {"service_at_locations", "schedules", "description", "url"} & hidden.keys() == set()


def test_the_export_of_one_organisation_holds_its_services_only(published: str) -> None:
    page = json.loads(export(published, "--organisation", RECIPIENT).stdout)
    assert [document["id"] for document in page["contents"]] == [str(SERVICE_ID)]


def test_without_a_database_the_export_says_so_in_one_sentence() -> None:
    done = export("postgresql://nobody@127.0.0.1:1/nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
