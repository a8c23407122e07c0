"""Who is told of alerts, how often, and by which ways they leave the machine."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.console.notices.smtp import Away, Server
from hub.monitor.alerts import keeping, sending, settings, telling
from hub.monitor.alerts.rules import Alert
from hub.monitor.alerts.telling import Book, Message, Silence

NIGHT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)  # three in the morning, in Colombia
NOON = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)
NOTIFY = settings.read().notify

BROKER = Alert(
    "broker_away", "broker", "The broker is away.", "./ruta status", "broker", organisations=("*",), emergencies=2
)
SILENT = Alert("organisation_silent", "iom", "iom has said nothing for 9 days.", "call", can_wait=True)


def events(book: Book, found: list[Alert], at: datetime, unread: set[str] | None = None) -> list[str]:
    return [f"{one.alert} {one.event}" for one in telling.step(book, found, unread or set(), NOTIFY, at)]


def test_an_alert_is_told_once_again_after_an_hour_and_when_it_is_over() -> None:
    book = Book()
    said = [
        (minutes, events(book, [BROKER] if minutes < 130 else [], NOON + timedelta(minutes=minutes)))
        for minutes in (0, 1, 2, 30, 62, 90, 122, 130, 131)
    ]
    assert [(minutes, one) for minutes, one in said if one] == [
        (1, ["broker_away begins"]),  # it had been seen for thirty seconds
        (62, ["broker_away goes on"]),
        (122, ["broker_away goes on"]),
        (130, ["broker_away is over"]),
    ]


def test_what_passes_before_it_is_told_is_not_told_at_all() -> None:
    book = Book()
    assert events(book, [BROKER], NOON) == []
    assert events(book, [], NOON + timedelta(seconds=15)) == []


def test_what_can_wait_is_held_until_seven_and_what_cannot_is_told_at_night() -> None:
    book = Book()
    assert events(book, [SILENT], NIGHT) == []
    assert events(book, [SILENT], NIGHT + timedelta(hours=3, minutes=59)) == []
    assert events(book, [SILENT], NIGHT + timedelta(hours=4)) == ["organisation_silent begins"]
    assert events(Book(), [replace(SILENT, can_wait=False)], NIGHT) == ["organisation_silent begins"]


def test_what_could_wait_is_told_again_once_an_emergency_waits() -> None:
    book = Book()
    assert events(book, [SILENT], NOON) == ["organisation_silent begins"]
    assert events(book, [replace(SILENT, can_wait=False)], NOON + timedelta(minutes=1)) == [
        "organisation_silent goes on"
    ]


def test_what_follows_from_another_is_not_told_and_not_called_over() -> None:
    book = Book()
    events(book, [SILENT], NOON)
    hidden = replace(SILENT, hidden_by="broker_away")
    assert events(book, [hidden], NOON + timedelta(days=2)) == []
    assert events(book, [], NOON + timedelta(days=2, minutes=1)) == ["organisation_silent is over"]


def test_of_what_cannot_be_looked_at_nothing_is_over() -> None:
    book = Book()
    given_up = Alert("quarantine", "intake", "intake has given up 1 message.", "look", seen_in=("database",))
    assert events(book, [given_up], NOON) == ["quarantine begins"]
    assert events(book, [], NOON + timedelta(minutes=1), {"database intake"}) == []
    assert events(book, [], NOON + timedelta(minutes=2)) == ["quarantine is over"]


def test_nobody_is_told_of_what_is_silenced_until_it_ends() -> None:
    until = (NOON + timedelta(hours=1)).isoformat()
    book = Book(
        silences=[Silence("organisation_silent", "iom", until, "holidays", "operator:0", NOON.isoformat(), True)]
    )
    assert events(book, [SILENT, replace(SILENT, what="care")], NOON) == ["organisation_silent begins"]
    assert book.open[SILENT.key].said_at is None
    assert events(book, [SILENT], NOON + timedelta(hours=1)) == [
        "organisation_silent begins",
        "organisation_silent is over",
    ]
    assert book.silences == []


def test_the_book_survives_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    with keeping.Keeper(file).changing() as book:
        events(book, [SILENT], NOON)
        telling.queue(book, [message()], ["webhook"])
        book.silences.append(Silence("quarantine", None, NOON.isoformat(), "known", "operator:0", NOON.isoformat()))
    again = keeping.read(file)
    assert again == book
    assert file.stat().st_mode & 0o777 == 0o600
    assert events(again, [SILENT], NOON + timedelta(minutes=1)) == []


@pytest.mark.parametrize("said", ["", "{", "[]", '{"open": 7, "silences": [], "waiting": []}', '{"open": {"a": {}}}'])
def test_a_book_that_cannot_be_read_begins_anew(tmp_path: Path, said: str) -> None:
    (tmp_path / "alerts.json").write_text(said)
    assert keeping.read(tmp_path / "alerts.json") == Book()


def test_while_the_book_cannot_be_written_nobody_is_told_twice(tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    file.with_suffix(".new").mkdir()
    keeper, said = keeping.Keeper(file), []
    for minute in range(3):
        with keeper.changing() as book:
            said += events(book, [SILENT], NOON + timedelta(minutes=minute))
    file.with_suffix(".new").rmdir()
    with keeper.changing():
        pass
    assert said == ["organisation_silent begins"]
    assert keeping.read(file).open[SILENT.key].said_at is not None


# -- it leaves the machine ---------------------------------------------------------------------------------------------


def message(at: datetime = NOON) -> Message:
    return Message(
        "begins", "broker_away", "broker", "The broker is away.", "Waits: everybody.", "./ruta status", at.isoformat()
    )


class Hook:
    """A server that answers as it is told to, and keeps what it is sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[Any] = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append(json.loads(body))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.end_headers()

            def do_GET(self) -> None:
                hook.got.append(self.path)
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def test_a_webhook_that_answers_badly_is_tried_again_later_and_later(hook: Hook) -> None:
    hook.answers = [500, 503]
    notify = replace(NOTIFY, webhook=hook.url)
    book = Book()
    telling.queue(book, [message()], sending.channels(notify, None))
    wrong = [sending.send_waiting(book, notify, None, NOON + timedelta(seconds=s)) for s in (0, 5, 10, 20, 30)]
    assert wrong == [["webhook: answered_500"], [], ["webhook: answered_503"], [], []]
    assert book.waiting == []
    assert len(hook.got) == 3
    assert hook.got[-1] == {
        "text": "The broker is away.\nWaits: everybody.\nFirst: ./ruta status\nMore: ./ruta help broker_away\n",
        "event": "begins", "alert": "broker_away", "what": "broker", "waits": "Waits: everybody.",
        "first": "./ruta status", "at": NOON.isoformat(),
    }  # fmt: skip


def test_one_way_that_fails_holds_up_no_other_and_its_own_others_only_until_the_next_look(
    hook: Hook, tmp_path: Path
) -> None:
    hook.answers = [500]
    out = tmp_path / "told"
    notify = replace(NOTIFY, webhook=hook.url, command=("sh", "-c", f'echo "$RUTA_ALERT" >>{out}; cat >>{out}'))
    book = Book()
    telling.queue(book, [message(), message()], sending.channels(notify, None))
    sending.send_waiting(book, notify, None, NOON)
    assert len(hook.got) == 1
    assert out.read_text().count("Ruta: The broker is away begins\nThe broker is away.\n") == 2
    sending.send_waiting(book, notify, None, NOON + timedelta(seconds=15))
    assert (len(hook.got), book.waiting) == (3, [])


@pytest.mark.parametrize(
    ("command", "code"),
    [(("false",), "ended_with_1"), (("/no/such/thing",), "no_such_command"), (("sleep", "9"), "no_answer")],
)
def test_a_command_that_does_not_do_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], code: str
) -> None:
    monkeypatch.setattr(sending, "WITHIN", 0.2)
    notify = replace(NOTIFY, command=command)
    book = Book()
    telling.queue(book, [message()], ["command"])
    assert sending.send_waiting(book, notify, None, NOON) == [f"command: {code}"]
    assert book.waiting[0].attempts == 1


def test_what_nobody_takes_for_a_day_is_given_up() -> None:
    notify = replace(NOTIFY, command=("false",))
    book = Book()
    telling.queue(book, [message()], ["command"])
    sending.send_waiting(book, notify, None, NOON + timedelta(hours=25))
    assert book.waiting == []


def test_mail_goes_to_each_address_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, str]] = []

    def send(self: Server, mail: Any, sender: str, to: str) -> None:
        if to == "b@example.org" and not sent[1:]:
            sent.append((to, "", ""))
            raise Away("away")
        sent.append((to, mail["Subject"], mail.get_content()))

    monkeypatch.setattr(Server, "send", send)
    notify = replace(NOTIFY, mail=("a@example.org", "b@example.org"))
    mail = sending.Mail(Server("127.0.0.1", 25), "ruta@example.org")
    book = Book()
    telling.queue(book, [message()], sending.channels(notify, mail))
    assert sending.send_waiting(book, notify, mail, NOON) == ["mail 1: away"]
    assert sending.send_waiting(book, notify, mail, NOON + timedelta(seconds=10)) == []
    assert [(to, subject) for to, subject, _ in sent] == [
        ("a@example.org", "Ruta: The broker is away begins"), ("b@example.org", ""),
        ("b@example.org", "Ruta: The broker is away begins"),
    ]  # fmt: skip


def test_an_outside_watcher_hears_while_all_is_well_and_no_longer_when_it_is_not(hook: Hook) -> None:
    beats = settings.Heartbeat(timedelta(seconds=60), url=hook.url)
    book = Book()
    for seconds in (0, 15, 60):
        sending.beat(book, beats, NOON + timedelta(seconds=seconds))
    assert hook.got == ["/secret", "/secret"]
    assert telling.is_well(book, [], NOON)
    assert telling.is_well(book, [SILENT, replace(BROKER, hidden_by="disk_full")], NOON)
    assert not telling.is_well(book, [BROKER], NOON)
    telling.queue(book, [message()], ["command"])
    book.waiting[0].attempts = 3
    assert not telling.is_well(book, [], NOON)


def test_an_outside_watcher_hears_on_when_the_clock_is_set_back(hook: Hook) -> None:
    beats = settings.Heartbeat(timedelta(seconds=60), url=hook.url)
    book = Book()
    for hours in (0, -1):
        sending.beat(book, beats, NOON + timedelta(hours=hours))
    assert len(hook.got) == 2


def test_a_watcher_that_cannot_be_reached_is_tried_again_at_the_next_look(hook: Hook) -> None:
    hook.answers = [500]
    beats = settings.Heartbeat(timedelta(seconds=60), url=hook.url)
    book = Book()
    sending.beat(book, beats, NOON)
    assert book.beaten is None
    sending.beat(book, beats, NOON + timedelta(seconds=15))
    assert len(hook.got) == 2


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[thresholds]\nqueue_age = 0\n", "queue_age of alerts has to be a whole number of seconds, above 0."),
        ("[thresholds]\nqueue_age = true\n", "queue_age of alerts has to be a whole number of seconds, above 0."),
        ("[thresholds]\nqueue = 5\n", "has queue in [thresholds]"),
        ("[threshold]\nqueue_age = 5\n", "has [threshold], which is none of"),
        ("notify = 5\n", "has [notify], which is none of"),
        ('[notify]\ncommand = "tell me"\n', "command of alerts has to be a list of texts."),
        (
            '[notify]\nwebhook = "file:///etc/passwd"\n',
            "webhook of alerts has to be an address that begins with https://",
        ),
        ('[notify]\nhold_until_seven = "no"\n', "hold_until_seven of alerts has to be true or false."),
        ("[silent]\norganisations = 5\n", "organisations of alerts has to be a table."),
        ("[silent]\norganisations = { iom = -1 }\n", "iom of alerts has to be a whole number of seconds"),
        ("x", "is no TOML."),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_a_sentence(tmp_path: Path, said: str, sentence: str) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(said)
    with pytest.raises(settings.UnusableSettings) as refused:
        settings.read(file)
    assert sentence in str(refused.value)


def test_what_a_file_does_not_say_is_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text('[notify]\nmail = ["guardia@example.org"]\n')
    assert settings.read(file) == replace(settings.read(), notify=replace(NOTIFY, mail=("guardia@example.org",)))
