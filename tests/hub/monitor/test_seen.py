"""What was seen of the network as it is kept for pages: what is not known is no 0, and only what pages show is kept."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.console.web.alert_words import FIRST, MEANS, TITLES, UNSEEN
from hub.monitor import seen
from hub.monitor.alerts import pages, rules, settings
from hub.monitor.alerts.telling import Book
from hub.monitor.seen import Seen
from hub.monitor.web import state
from hub.monitor.web.queues import sorted_out
from screens import operating
from tests.hub.monitor.test_alert_rules import well

AT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def of(now: dict[str, Any], before: Seen | None = None) -> Seen:
    found = rules.find(now, settings.read(), AT)
    return seen.of(now, found, Book(), settings.read(), AT, before)


def a_queue(name: str, messages: int, **more: Any) -> dict[str, Any]:
    return {"vhost": "network", "name": name, "messages": messages, "consumers": 1, **more}


@pytest.mark.parametrize("network", [operating.well, operating.behind, operating.broker_away, operating.dark])
def test_it_is_read_as_it_was_written(network: Any, tmp_path: Path) -> None:
    file, last = tmp_path / "seen.json", network(AT)
    seen.write(file, last)
    assert seen.read(file) == last
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"at": "x"}', '{"at": 7}', "null"])
def test_a_file_that_is_none_of_ours_is_as_if_there_were_none(said: str, tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text(said)
    assert seen.read(tmp_path / "seen.json") is None


def test_one_of_another_version_is_as_if_there_were_none(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    seen.write(file, operating.well(AT))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"newer": 1}))
    assert seen.read(file) is None
    assert seen.read(tmp_path / "other.json") is None


def test_what_could_not_be_read_is_none_and_no_zero() -> None:
    now = well(queues=None, queue_ages={}, services={"intake": None}, probes={}, processes=[])
    found = of(now)
    assert (found.queues, found.organisations, found.overdue, found.emergencies, found.lags) == (None,) * 4 + ({},)
    assert (found.applied, found.per_minute) == (None, None)
    assert found.services[0].waiting is None
    assert found.unseen == list(rules.WANTED)
    assert of(well(queues=None, processes=[], gaps_unseen=["intake"])).unseen == ["gaps"]
    assert not of({"running": False, "problems": []}).runs


def test_of_an_inbox_nobody_knows_of_it_is_not_said_that_nothing_lies_there() -> None:
    known, unknown = operating.well(AT).organisations, operating.broker_away(AT).organisations
    assert known is not None
    assert unknown is not None
    assert {one.unread for one in known} == {0.0}
    assert {one.unread for one in unknown} == {None}
    assert {inbox.unread for one in unknown for inbox in one.inboxes} == {None}


def test_queues_that_differ_in_what_nobody_is_to_guess_are_one() -> None:
    secret = "0123456789abcdef" * 2
    queues = [a_queue("inbox.iom", 2, in_per_s=1.0), a_queue(f"inbox.iom.{secret}", 3)]
    ages = {
        f"network/{one['name']}": {"seconds": 10.0 * one["messages"], "exact": True, "moved": 0.0} for one in queues
    }
    found = of(well(processes=[], queues=queues, queue_ages=ages))
    assert found.queues is not None
    (one,) = found.queues
    assert (one.name, one.messages, one.readers, one.age, one.in_per_s, one.out_per_s) == (
        "inbox.iom", 5, 2, 30.0, 1.0, None,
    )  # fmt: skip
    assert secret not in json.dumps(asdict(found))


def test_of_a_services_queue_whose_age_the_log_does_not_say_there_is_no_data() -> None:
    queues = [a_queue(name, 3) | {"vhost": "hub"} for name in ("intake", "referrals", "log")]
    stands = {"seconds": 90.0, "exact": False, "moved": 90.0}
    found = of(well(processes=[], queues=queues, queue_ages=dict.fromkeys(("hub/intake", "hub/referrals"), stands)))
    assert found.queues is not None
    assert {one.age for one in found.queues} == {None}
    assert (state.figures(found).age, state.figures(found).messages) == (None, 6)  # nobody waits for the log

    for age, lags in ((stands, {}), (stands | {"exact": True}, {"reports": 90.0})):
        assert of(well(processes=[], queue_ages={"hub/reports": age})).lags == {"console": 0.0} | lags

    said = {"hub/referrals": stands, "hub/intake": stands | {"exact": True}, "hub/log": stands}
    figures = state.figures(of(well(processes=[], queues=queues, queue_ages=said)))
    assert (figures.age, figures.exact) == (90.0, False)  # what waits in referrals may have waited longer


def test_what_the_broker_has_not_counted_is_no_empty_queue() -> None:
    now = operating.network_behind(AT)
    queues = [one | {"messages": None, "consumers": None} for one in now["queues"]]
    found = of(now | {"queues": queues, "queue_ages": {}})
    assert found.queues is not None
    assert {(one.messages, one.readers, one.age) for one in found.queues} == {(None, None, None)}
    assert found.organisations is not None
    inboxes = {inbox.address: inbox for one in found.organisations for inbox in one.inboxes}
    assert (inboxes["redcross"].messages, inboxes["redcross"].unread) == (None, None)
    assert {one.unread for one in found.organisations if one.id != "americares"} == {None}
    assert state.figures(found).messages is None
    assert state.is_blind(found, state.who_waits([]))
    assert sorted_out(found.queues) == ([], [], sorted(found.queues, key=lambda one: (one.vhost, one.name)))


def test_how_much_is_done_is_of_two_looks_near_each_other() -> None:
    def with_applied(many: int) -> dict[str, Any]:
        service: dict[str, Any] = {
            "unpublished": 0,
            "unpublished_since": None,
            "parked": {},
            "counts": [{"applied": many}],
        }
        return well(processes=[], queues=[], services={"intake": service})

    before = replace(of(with_applied(10)), at=(AT - timedelta(seconds=30)).isoformat())
    assert of(with_applied(16), before).per_minute == 12.0
    assert of(with_applied(9), before).per_minute is None  # it counts anew
    assert of(with_applied(16), replace(before, at=(AT - timedelta(hours=1)).isoformat())).per_minute is None
    assert of(with_applied(16), replace(before, at=AT.isoformat())).per_minute is None


def test_it_has_an_end() -> None:
    queues = [a_queue(f"inbox.o{number}", number) for number in range(2 * seen.MOST)]
    found = of(well(processes=[], queues=queues))
    assert found.queues is not None
    assert [one.messages for one in found.queues[:2]] == [2 * seen.MOST - 1, 2 * seen.MOST - 2]
    assert len(found.queues) == seen.MOST


def a_wait(**said: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"state": "waiting", "source": "iom", "code": "consent_unknown", "messages": 2, "bytes": 9}
    known |= {"since": AT.isoformat(), "message_id": None, "waiting_for": None}
    service: dict[str, Any] = {"unpublished": 0, "unpublished_since": None, "parked": {}, "waits": [known | said]}
    return well(processes=[], services={"intake": service})


@pytest.mark.parametrize("field", ["source", "message_id", "waiting_for"])
def test_what_messages_say_themselves_is_kept_only_where_it_is_an_id(field: str) -> None:
    id = "019a0000-0000-7000-8000-000000000100"
    for said, kept in (("Plantada Pérez", None), (f"{id}x", None), ("iom" if field == "source" else id,) * 2):
        (service,) = of(a_wait(**{field: said})).services
        assert service.waits is not None
        assert getattr(service.waits[0], field) == kept


def test_a_full_disk_keeps_nobody_from_looking(tmp_path: Path) -> None:
    seen.write(tmp_path / "no" / "seen.json", operating.well(AT))
    assert seen.read(tmp_path / "no" / "seen.json") is None


def test_every_alert_and_every_probe_has_words_in_spanish() -> None:
    assert list(TITLES) == list(MEANS) == list(pages.read())
    assert set(FIRST) <= set(TITLES)
    assert list(UNSEEN) == list(rules.WANTED)
