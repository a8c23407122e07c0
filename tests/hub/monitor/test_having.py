"""Who has what a story is about, and who has not, and why not: each case, of what the gateway and the last look say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from contracts import uuid7
from contracts.codes import OrganisationStatus
from hub.console.web.saying import Saying
from hub.console.web.settings import Settings
from hub.monitor.log.reading import Became, Entry
from hub.monitor.seen import Seen, SeenAddress, SeenOrganisation, SeenProcess
from hub.monitor.web import having
from hub.monitor.web.having import Holder, Standing
from hub.monitor.web.looking import Looked
from messaging import clock, topology
from screens import operating

NETWORK = topology.read()


def entry(source: str, recipient: str | None, type: str, **more: Any) -> Entry:
    said: dict[str, Any] = {
        "arrived_at": clock.now() - timedelta(minutes=5), "id": uuid7(), "kind": "passed", "source": source,
        "organisation": source, "recipient": recipient, "type": type, "subject": None, "short_code": None,
        "correlation": uuid7(), "causation": None, "system": None, "recipientsystem": None, "trace": None,
        "sent_at": None, "digest": "", "size": 1, "routing_key": None, "confidential": False, "erased": False,
        "became": (),
    }  # fmt: skip
    return Entry(**said | more)


def stand(
    *entries: Entry,
    delivered: Mapping[UUID, bool | None] | None = None,
    by_http: bool = True,
    inbox: float = 0.0,
    status: OrganisationStatus = OrganisationStatus.ACTIVE,
    runs: str = "running",
) -> Standing:
    """What is said where the gateway knows whether these ids were acknowledged; None: it does not answer."""
    now = datetime.now(UTC)
    known = dict(NETWORK.organisations)
    known["redcross"] = replace(known["redcross"], status=status)
    rows = {
        ("redcross", one.source, one.id): {
            "delivered_at": now - timedelta(minutes=4),
            "acknowledged_at": now if delivered[one.id] else None,
            "reads_by_http": by_http,
        }
        for one in entries
        if delivered is not None and one.id in delivered
    }
    seen: Seen = operating.well(now)
    organisation = SeenOrganisation("redcross", None, now.isoformat(), False, inbox, False, list[SeenAddress]())
    processes = [SeenProcess("referrals", runs, 0), SeenProcess("intake", "running", 0)]
    seen = replace(seen, organisations=[organisation], processes=processes)
    settings = cast(
        Settings, SimpleNamespace(organisations=lambda: known, services=NETWORK.services, operators={"gateway": "x"})
    )
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(having, "_delivered", lambda *_: rows if delivered is not None else None)
        return having.standing(entries, Looked(Saying("es", now, known), seen.at), seen, settings)


def only(standing: Standing) -> Holder:
    (one,) = standing.holders
    return one


def offered(**more: Any) -> Entry:
    return entry("hub", "redcross", "referral.offered.v1", **more)


READ, UNREAD, NOT_THERE, AWAY = "read", "unread", "not there", "the database is away"


@pytest.mark.parametrize(
    ("delivery", "told", "has_it", "says"),
    [
        (READ, {}, True, having.HAS_ALL),
        (UNREAD, {}, False, "No: está en su buzón desde hace 4 minutos, y no lo ha leído."),
        (NOT_THERE, {}, False, "No: salió hace 5 minutos y todavía no está en su buzón."),
        (AWAY, {}, None, having.NOT_KNOWN),
        (UNREAD, {"by_http": False}, True, having.ALL_READ),
        (UNREAD, {"by_http": False, "inbox": 240.0}, None,
         "Lo más antiguo de su buzón espera desde hace 4 minutos a que lo lea."),
        (UNREAD, {"status": OrganisationStatus.SUSPENDED}, False, having.SUSPENDED),
        (NOT_THERE, {"status": OrganisationStatus.SUSPENDED}, False, having.SUSPENDED),
        (UNREAD, {"status": OrganisationStatus.REMOVED}, False, having.GONE),
    ],
)  # fmt: skip
def test_whether_somebody_has_it_and_why_not(
    delivery: str, told: dict[str, Any], has_it: bool | None, says: str
) -> None:
    one = offered()
    known = {READ: {one.id: True}, UNREAD: {one.id: False}, NOT_THERE: {}, AWAY: None}[delivery]
    holder = only(stand(one, delivered=known, **told))
    assert (holder.id, holder.has_it, says in holder.says) == ("redcross", has_it, True), holder.says


def test_of_several_the_first_that_is_not_read_is_named() -> None:
    one, status = offered(), entry("hub", "redcross", "referral.status.v1")
    assert only(stand(one, status, delivered={one.id: True, status.id: False})).what == "referral.status.v1"
    assert only(stand(one, status, delivered={one.id: False, status.id: False})).what == "referral.offered.v1"


def test_what_is_hidden_or_forgotten_or_was_not_let_in_is_not_looked_for() -> None:
    for more in ({"confidential": True}, {"erased": True}, {"kind": "refused"}):
        assert stand(offered(**more), delivered={}) == Standing([], [], ())


def test_what_is_not_applied_is_named_with_what_does_not_run() -> None:
    request = entry("iom", None, "referral.requested.v2")
    (one,) = stand(request, delivered={}).pending
    assert (one.source, list(one.ends), one.first) == (NETWORK.organisations["iom"].name, [], "")
    (one,) = stand(request, delivered={}, runs="dead").pending
    assert one.ends == ["El proceso referrals no corre: esto espera hasta que vuelva, y no se pierde."]
    assert one.first == "./ruta status"
    (one,) = stand(request, delivered={}, runs="stopped").pending
    assert one.ends == ["El proceso referrals está detenido: esto espera hasta que siga, y no se pierde."]


def became(state: str, code: str | None = None) -> tuple[Became, ...]:
    return (Became("referrals", state, code, None, None, clock.now()),)


def test_what_was_given_up_leads_to_fallos_and_what_was_refused_counts_where_nothing_came_of_any() -> None:
    given_up = entry("iom", None, "referral.requested.v2", became=became("quarantined", "failed"))
    refused = entry("iom", None, "referral.requested.v2", became=became("refused", "not_a_party"))
    applied = entry("iom", None, "referral.requested.v2", became=became("applied"))
    assert [one.given_up for one in stand(given_up, delivered={}).pending] == [True]
    assert len(stand(refused, delivered={}).pending) == 1
    one = offered()
    assert stand(refused, one, delivered={one.id: True}).pending == []
    assert stand(applied, delivered={}).pending == []
