"""Estado, Colas, Organizaciones: what was last seen of the network; what is not known, or old, is said to be so."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hub.monitor import seen
from hub.monitor.seen import Seen
from messaging import clock
from screens import operating
from screens.cases import an_id
from tests.hub.console.kit import CENTRE, Browser, Console, Running

PATHS = ("/estado", "/colas", "/en-espera", "/organizaciones")


@pytest.fixture(scope="module")
def operator(console: Console, running: Running) -> Browser:
    browser = Browser(running)
    console.enrol(browser, "network.operator", "operations", organisation=CENTRE)
    return browser


@pytest.fixture
def shown(console: Console, operator: Browser) -> Callable[..., str]:
    """The text of a page where this was seen so long ago."""

    def show(path: str, network: Callable[[datetime], Seen], **ago: float) -> str:
        console.see(network(clock.now().replace(microsecond=0) - timedelta(**ago)))
        answer = operator.get(path)
        assert answer.status == 200
        return answer.text

    return show


@pytest.mark.parametrize("path", PATHS)
def test_what_is_old_or_not_there_says_that_nothing_is_known(
    path: str, shown: Callable[..., str], console: Console, operator: Browser
) -> None:
    old = shown(path, operating.well, minutes=3)
    assert "Sin dato" in old
    assert "Se miró por última vez hace 3 minutos" in old
    assert "./ruta status" in old
    file = seen.beside(console.state.alerts_book)
    for said in ("no JSON", "{}"):
        file.write_text(said)
        assert "Sin dato" in operator.get(path).text
    file.unlink()
    assert "Sin dato" in operator.get(path).text


@pytest.mark.parametrize("path", PATHS)
def test_where_servers_said_nothing_no_page_says_zero_or_that_all_is_well(path: str, shown: Callable[..., str]) -> None:
    said = shown(path, operating.dark)
    assert "sin dato" in said.lower()
    for reassuring in (
        "No: nadie espera",
        "<dd>0",
        ">0<",
        "No hay mensajes en ninguna cola",
        "nada sin leer",
        "No espera ningún",
    ):
        assert reassuring not in said


def test_that_nobody_waits_is_said_where_all_was_looked_at(shown: Callable[..., str]) -> None:
    said = shown("/estado", operating.well)
    assert "No: nadie espera por nosotros." in said
    assert "Lo que nadie puede decir ahora" not in said
    assert ">144<" in said  # 36 applied since the look before, a quarter of a minute ago


def test_who_waits_stands_first_with_why_since_when_and_the_first_command(
    shown: Callable[..., str], console: Console
) -> None:
    said = shown("/estado", operating.broker_away)
    first = said.index("Sí: esperan todas las organizaciones.")
    why, since = said.index("RabbitMQ no responde"), said.index("hace 12 minutos")
    assert first < why < said.index("./ruta status") < since < said.index("Cómo está lo demás")
    assert "No se pudo mirar <code>queues</code>: <code>away</code>" in said
    assert console.acts("network_seen")[-1]["details"].count('"page":"state"') == 1


def test_what_follows_from_a_cause_is_no_cause_of_its_own(shown: Callable[..., str]) -> None:
    said = shown("/estado", operating.behind)
    assert said.count("Un proceso no corre") == 1
    follows = said.index("Se sigue de lo anterior")
    assert "Hay mensajes en una cola que nadie lee" not in said[:follows]
    assert "Hay mensajes en una cola que nadie lee" in said[follows:]
    assert ">2 o más<" in said  # given up; one service could not be looked at
    assert said.index("Un proceso no corre") < said.index("Una organización no dice nada")


def test_what_one_alone_has_replayed_is_there_until_another_has_looked_at_it(shown: Callable[..., str]) -> None:
    said = shown("/estado", operating.behind)
    assert "Una sola persona repitió 3.412 mensajes, hace 6 horas:" in said
    assert f'href="/repeticiones/{an_id("replay alone")}"' in said
    assert "Por revisar" not in shown("/estado", operating.well)


def test_an_organisation_that_is_silent_is_not_said_to_wait(shown: Callable[..., str]) -> None:
    def only_silent(at: datetime) -> Seen:
        last = operating.behind(at)
        alerts = [one for one in last.alerts if one.name == "organisation_silent"]
        return replace(last, alerts=alerts, unread={})

    said = shown("/estado", only_silent)
    assert "No se ve a nadie esperando, pero hay algo que arreglar." in said
    assert "Sí: espera" not in said


def test_whoever_waits_for_a_deadline_that_nobody_acts_on_is_said_to_wait(shown: Callable[..., str]) -> None:
    def only_overdue(at: datetime) -> Seen:
        last = operating.behind(at)
        alerts = [replace(one, emergencies=0) for one in last.alerts if one.name == "referral_overdue"]
        return replace(last, alerts=alerts, unread={})

    assert "Sí: esperan una organización en un caso reservado, OIM." in shown("/estado", only_overdue)


def test_an_alert_of_a_newer_version_breaks_no_page(shown: Callable[..., str]) -> None:
    def newer(at: datetime) -> Seen:
        last = operating.broker_away(at)
        return replace(last, alerts=[replace(one, name="no_such_alert") for one in last.alerts], unseen=["newer"])

    assert "No se sabe" in shown("/estado", newer)


def test_queues_stand_in_the_order_of_what_is_wrong(shown: Callable[..., str]) -> None:
    said = shown("/colas", operating.behind)
    body = said[said.index("<tbody>") : said.index("</tbody>")]
    assert body.index("inbox.redcross") < body.index(">referrals<")
    assert "(debe leerla referrals)" in body
    assert "12 minutos" in body  # exact, as the log says
    assert "3 días o más" in body
    assert "2 colas con mensajes" in said
    assert "submit.iom" in said[said.index("Vacías") :]


def test_a_queue_of_an_organisation_leads_to_its_messages(shown: Callable[..., str], operator: Browser) -> None:
    """That of a service leads nowhere: of what it has not read yet nothing has come that could be listed."""
    said = shown("/colas", operating.behind)
    body = said[said.index("<tbody>") : said.index("</tbody>")]
    assert re.findall(r'<a class="tall" href="([^"]+)"><code>([^<]+)</code>', body) == [
        ("/mensajes?organizacion=redcross", "inbox.redcross")
    ]
    assert operator.get("/mensajes?organizacion=redcross").status == 200
    assert "<code>referrals</code>" in body


def test_the_oldest_of_what_waits_leads_to_its_message(shown: Callable[..., str]) -> None:
    said = shown("/en-espera", operating.behind)
    last = operating.behind(clock.now())
    ids = {wait.message_id for one in last.services for wait in one.waits or () if wait.message_id}
    assert ids
    assert set(re.findall(r'<a class="tall" href="/mensaje/([^"]+)"><code>\1</code></a>', said)) == ids


def test_whose_time_ends_first_stands_first_among_what_waits(shown: Callable[..., str]) -> None:
    said = shown("/en-espera", operating.behind)
    body = said[said.index("<tbody>") : said.index("</tbody>")]
    order = [body.index(f"<code>{name}</code> en ") for name in ("iom", "hub", "redcross")]
    assert order == sorted(order)
    assert "11.000 (22% de lo que cabe)" in body
    assert "en referrals" in body
    assert body.count("después se rechaza") == body.count("lo que haga falta") == body.count("diez intentos") == 1
    assert body.count("espera por") == 2
    assert "Sin dato</strong>: events" in said
    assert "No espera ningún mensaje." in shown("/en-espera", operating.well)


def test_organisations_that_are_silent_or_behind_stand_first(shown: Callable[..., str]) -> None:
    said = shown("/organizaciones", operating.behind)
    body = said[said.index("<tbody>") : said.index("</tbody>")]
    order = [body.index(f"<code>{name}</code></p></th>") for name in ("redcross", "fuvadis", "americares", "iom")]
    assert order == sorted(order)
    assert "no lee:</strong> 3 días" in body
    assert "participa desde hace 11 días" in body
    assert "americares.crm" in body
    assert "servicio propio, se supo de él hace 3 minutos" in body
    assert "./ruta partner show fuvadis" in body
    assert "A quién llamar en una de ellas lo dice su primera orden" in said


@pytest.mark.parametrize("path", PATHS)
def test_what_was_read_is_shown_as_text(path: str, shown: Callable[..., str]) -> None:
    def hostile(at: datetime) -> Seen:
        last = operating.behind(at)
        bad = "<script>x</script>"
        assert last.queues is not None
        assert last.organisations is not None
        return replace(
            last,
            alerts=[replace(one, what=bad, text=bad, first=bad) for one in last.alerts],
            queues=[replace(one, name=bad) for one in last.queues],
            services=[
                replace(one, name=bad, waits=one.waits and [replace(wait, source=bad, code=bad) for wait in one.waits])
                for one in last.services
            ],
            organisations=[replace(one, id=bad) for one in last.organisations],
            unread={bad: bad},
        )

    said = shown(path, hostile)
    assert "<script>" not in said
    assert "&lt;script&gt;" in said
