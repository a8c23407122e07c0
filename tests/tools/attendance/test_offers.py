"""The directory that the network exports says where the people on a list may be referred to."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import uuid7
from tests.examples import RECIPIENT, SERVICE_ID, service_published
from tools.attendance.offers import Offer, Offers, read_offers
from tools.attendance.rows import UnusableFileError
from tools.directory.exporting import page_of, to_hsds


def exported(**overrides: Any) -> dict[str, Any]:
    return to_hsds(service_published(**overrides), organisation=RECIPIENT, organisation_name="A recipient")


def read(folder: Path, content: Any) -> Offers:
    path = folder / "services.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_offers(path)


def test_what_the_network_exports_is_offered_by_its_organisation(tmp_path: Path) -> None:
    service = service_published()
    offer = Offer(SERVICE_ID, service.name, frozenset(service.need_codes))
    assert read(tmp_path, page_of([exported()])) == {RECIPIENT: [offer]}


def test_what_takes_no_referrals_or_is_nobodys_here_is_not_offered(tmp_path: Path) -> None:
    elsewhere = exported(service_id=uuid7()) | {"organization": {"id": str(uuid7()), "name": "Elsewhere"}}
    without_needs = exported(service_id=uuid7()) | {"attributes": []}
    others = [exported(active=False), elsewhere, without_needs]
    assert read(tmp_path, page_of(others)) == {}
    assert read(tmp_path, [exported(service_id=uuid7(), active=True), *others]).keys() == {RECIPIENT}


@pytest.mark.parametrize("content", ["no JSON", "[1, 2]", '"services"'])
def test_what_is_no_directory_is_said_in_one_sentence(content: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match=r"is not a directory of services in HSDS 3\.0\.$"):
        read(tmp_path, content)
