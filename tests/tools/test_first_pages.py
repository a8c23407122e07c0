"""The pages that a partner's developer tries first do what docs/partners.md shows, against the running network."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
import pytest

import contracts
from contracts import codes
from deploy.local import Network
from deploy.local.state import ROOT
from messaging import topology
from tests.messaging.partners import Partner
from tests.waiting import eventually

DOCS = ROOT / "docs"
PAGE = (DOCS / "partners.md").read_text()
CONSENT = "01950000-0000-7000-8000-000000000002"

OFFERED = "select 1 from directory where organisation = 'iom' and listing->>'name' = 'Medicina general'"
REFERRED = """
    select referral_id from need_referral join need using (need_id) join document using (person_id)
    where number = '1000003'
"""
STATE = "select state from referral where referral_id = %s"

Start = Callable[..., Path]

PYTHON_PAGE = (sys.executable, DOCS / "first_referral.py")
NODE_FILES = ("first_referral.mjs", "package.json", "package-lock.json", "first_referral_http.mjs")
# What npm says when the lock or what it fetched by it is wrong; anything else is a registry that is not there.
OUR_FAULT = ("EINTEGRITY", "EUSAGE", "ERESOLVE", "EJSONPARSE")


def shown(page: str, beginning: str) -> list[str]:
    """The lines of the page's block that begins so."""
    (block,) = (
        one
        for one in re.findall(r"^```[a-z]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if one.startswith(beginning)
    )
    return str(block).splitlines()


def counts(lines: Sequence[str]) -> list[tuple[str, str]]:
    """What a table says: (rows, outcome or code), in its order."""
    return [(found[1], found[2]) for line in lines if (found := re.match(r"\W*(\d+)\W+([a-z_]+)\W*$", line))]


@pytest.fixture(scope="module", autouse=True)
def begins(network: Network) -> dict[str, int]:
    """Acknowledge what other modules have left, or a page would go through it first; return each one's last number."""
    ends = rows(network, "gateway", "select organisation, number from inbox_end where number > 0")
    for organisation, number in ends:
        handed = json.loads((network.stack.state.organisations / organisation / "credentials.json").read_text())
        request = Request(  # noqa: S310 - the address is the network's own
            f"{handed['http_url']}/v1/inbox/acknowledge",
            json.dumps({"through": str(number)}).encode(),
            {"Authorization": f"Bearer {handed['api_key']}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60):  # noqa: S310 - the address is the network's own
            pass
        with closing(Partner(network.stack, organisation)) as partner:
            partner.bodies(partner.inbox, 0)
    return dict(ends)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where the contracts are importable as partners install them, and nothing of this project is."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "ruta_contracts").symlink_to(ROOT / "contracts")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def start(network: Network, environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start docs/first_referral.py, or another page, as an organisation; what is returned is the file of its output."""
    running: list[subprocess.Popen[bytes]] = []

    def start(organisation: str, *words: str, page: Sequence[str | Path] = PYTHON_PAGE) -> Path:
        state, printed = network.stack.state, tmp_path / organisation
        home = state.organisations / organisation
        command = [str(one) for one in (*page, home, state.directory_file)]
        with printed.open("wb") as out:
            running.append(subprocess.Popen([*command, *words], stdout=out, cwd=tmp_path, env=environment))
        return printed

    yield start
    for process in running:
        process.kill()
        process.wait()


def rows(network: Network, service: str, sql: str, *parameters: Any) -> list[Any]:
    with psycopg.connect(network.stack.service_database_url(service)) as connection:
        return connection.execute(sql.encode(), parameters).fetchall()


def lines(printed: Path) -> list[str]:
    return [line.rstrip() for line in printed.read_text().splitlines()]


def offered(printed: Path) -> str:
    """The service that a page says it offers, once it does."""
    found = eventually(lambda: re.search(r"^offering  (\S+:\S+)\n", printed.read_text(), re.MULTILINE))
    assert found is not None
    return found[1]


def test_a_partners_first_referral_is_accepted_as_the_guide_shows(start: Start) -> None:
    barranquilla = start("barranquilla", "--refer-to", offered(start("redcross")))

    expected = shown(PAGE, "sent      person.registered.v1\n")
    assert len(expected) == 7
    # The inbox may hold more, from before; and the receipt has no place of its own in the order.
    assert eventually(lambda: set(lines(barranquilla)) >= set(expected))


BASH_BY_HTTP = ("bash", DOCS / "first_referral_http.sh")
PYTHON_BY_HTTP = (sys.executable, DOCS / "first_referral_http.py")
BY_HTTP = "sent      person.registered.v1 applied"


def test_a_first_referral_by_http_is_accepted_as_the_guide_shows(start: Start, environment: dict[str, str]) -> None:
    environment["PYTHON"] = sys.executable
    offers = offered(start("iom", page=PYTHON_BY_HTTP))
    fuvadis = start("fuvadis", "--refer-to", offers, page=BASH_BY_HTTP)
    expected = shown(PAGE, BY_HTTP)
    assert len(expected) == 7
    assert eventually(
        lambda: (
            {" ".join(one.split()[:2]) for one in lines(fuvadis)} >= {" ".join(one.split()[:2]) for one in expected}
            and "received  referral.status.v1 accepted" in lines(fuvadis)
        )
    )


def test_the_page_for_curl_answers_an_offer(start: Start, environment: dict[str, str]) -> None:
    environment["PYTHON"] = sys.executable
    offers = offered(start("redcross", page=BASH_BY_HTTP))
    assert f"{offers}\n" in PAGE  # nobody has to copy it from one shell to another
    barranquilla = start("barranquilla", "--refer-to", offers)
    assert eventually(lambda: "received  referral.status.v1 accepted" in lines(barranquilla))


def typed(page: str, heading: str) -> list[str]:
    """The blocks of a page that are typed under a heading."""
    (part,) = re.findall(rf"^## {heading}\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```bash\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def test_what_the_guide_has_typed_request_by_request_is_answered_as_it_says(
    network: Network, environment: dict[str, str], start: Start, tmp_path: Path, begins: dict[str, int]
) -> None:
    # In a folder with what the guide's own commands have put there before.
    for name in ("organisations", "directory.json"):
        (tmp_path / ".ruta").mkdir(exist_ok=True)
        (tmp_path / ".ruta" / name).symlink_to(network.stack.state.directory / name)
    (tmp_path / ".ruta" / "try" / "bin").mkdir(parents=True)
    python = tmp_path / ".ruta" / "try" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment["PYTHON"] = sys.executable
    barranquilla = start("barranquilla", "--refer-to", offered(start("redcross", page=BASH_BY_HTTP)), page=BASH_BY_HTTP)
    eventually(lambda: "received  referral.status.v1 accepted" in lines(barranquilla))

    blocks = typed(PAGE, "The same, request by request")
    assert len(blocks) == 8
    beginning = "inbox?after=0&"  # on the guide's first day; here others may have been before
    assert beginning in blocks[4]
    blocks[4] = blocks[4].replace(beginning, f"inbox?after={begins.get('redcross', 0)}&")
    done = subprocess.run(
        ["bash", "-c", "set -eu\n" + "echo ===\n".join(blocks)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    nothing, sent, asked, again, inbox, acknowledged, directory, sealed = done.stdout.split("===\n")
    assert not nothing
    assert '"state":"applied"' in sent
    assert asked == sent
    repeated, reused = again.splitlines()
    assert '"repeated":true' in repeated
    assert json.loads(reused)["code"] == "id_reused"
    assert json.loads(inbox.splitlines()[0])["messages"][0]["message"]["type"] == "referral.offered.v1"
    assert json.loads(inbox.splitlines()[1])["given_names"] == "Prueba"
    assert json.loads(acknowledged).keys() == {"acknowledged"}
    assert re.match(r"\.ruta/checked\.json: number \d+, of 20", directory)
    kept = json.loads((tmp_path / ".ruta" / "checked.json").read_text())
    assert kept == json.loads(network.stack.state.directory_file.read_text())
    assert sealed.count(".") == 4


@pytest.fixture(scope="module")
def node_page(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str | Path]:
    """docs/first_referral.mjs with what its lock names, from whichever registry npm is set up for."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("there is no node or no npm here")
    home = tmp_path_factory.mktemp("node")
    for name in NODE_FILES:
        shutil.copy(DOCS / name, home)
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", f"--cache={home / 'cache'}")
    try:
        done = subprocess.run(["npm", "ci", *options], cwd=home, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer")
    if done.returncode != 0:
        assert not [code for code in OUR_FAULT if code in done.stderr], done.stderr
        pytest.skip("npm's registry cannot be reached, or has not what the lock names")
    return ("node", home / "first_referral.mjs")


def test_the_page_for_node_and_the_one_for_python_refer_to_each_other(
    start: Start, node_page: Sequence[str | Path]
) -> None:
    redcross, iom = start("redcross", page=node_page), start("iom")
    barranquilla = start("barranquilla", "--refer-to", offered(redcross))
    fuvadis = start("fuvadis", "--refer-to", offered(iom), page=node_page)

    expected = set(shown(PAGE, "sent      person.registered.v1\n"))
    assert eventually(lambda: set(lines(barranquilla)) >= expected)
    assert eventually(lambda: set(lines(fuvadis)) >= expected)


def test_the_page_for_node_by_http_refers_to_one_by_amqp_and_answers_it(
    start: Start, node_page: Sequence[str | Path]
) -> None:
    by_http = ("node", Path(node_page[1]).with_name("first_referral_http.mjs"))
    redcross, iom = start("redcross", page=by_http), start("iom")
    barranquilla = start("barranquilla", "--refer-to", offered(redcross))
    fuvadis = start("fuvadis", "--refer-to", offered(iom), page=by_http)
    accepted = "received  referral.status.v1 accepted"
    assert eventually(lambda: accepted in lines(barranquilla))
    assert eventually(lambda: accepted in lines(fuvadis))


def shown_messages(page: str) -> list[tuple[str, str]]:
    """The messages that a page shows as JSON: (the file that it says it shows, what it shows)."""
    block = r"\]\(\.\./(contracts/examples/\S+\.json)\)[^\n]*\n\n```json\n(.*?)^```$"
    return re.findall(block, page, re.MULTILINE | re.DOTALL)


def shortened(message: str) -> str:
    """An example as a page has room for it: of a sealed block the beginning."""
    return re.sub(r'("sealed": ".{12})[^"]*"', r'\1…"', message)


def test_the_messages_that_the_guide_shows_are_examples_of_the_contracts() -> None:
    messages = shown_messages(PAGE)
    assert [Path(file).parent.name for file, _ in messages] == [
        "referral.requested.v2",
        "referral.status.v1",
        "message.refused.v1",
    ]
    assert PAGE.count("```json") == len(messages)
    for file, message in messages:
        assert message == shortened((ROOT / file).read_text())


def test_a_message_that_is_not_its_example_would_be_noticed() -> None:
    page = "[a](../contracts/examples/a.v1/ok.json):\n\n```json\n{}\n```\n"
    assert shown_messages(page) == [("contracts/examples/a.v1/ok.json", "{}\n")]
    assert shortened('{"sealed": "abcdefghijklmnop", "b": 1}') == '{"sealed": "abcdefghijkl…", "b": 1}'


def test_the_guide_lists_every_need_that_is_known() -> None:
    table = re.search(r"^\| sector \| needs \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None
    listed = [
        f"{sector}.{need}"
        for sector, needs in re.findall(r"^\| `(\w+)` \| (.*) \|$", table[1], re.MULTILINE)
        for need in re.findall(r"`(\w+)`", needs)
    ]
    assert sorted(listed) == sorted(codes.NeedCode)


@pytest.mark.parametrize("organisation", topology.read().organisations.values(), ids=lambda one: one.id)
def test_every_answer_arrives_where_the_guide_says(organisation: topology.Organisation) -> None:
    table = re.search(r"^\| what \| arrives in \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None
    rows = [row.split("|")[1:3] for row in table[1].splitlines()]
    ((attendance, _),) = [row for row in rows if "`inbox.<you>.attendance`" in row[1]]
    assert "`attendance.settled`, and the refusal of `attendance.*`" in attendance
    ((answers, _),) = [row for row in rows if row[1].strip() == "`inbox.<you>.<system>`"]
    answer = {one.name for one in contracts.CONTRACTS.values() if one.answers_whoever_asked}
    unasked = {"messages.missed", "messages.processed", "placement.follow_up_due"}  # these nobody's message causes
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", answers)) == answer - unasked
    (inbox,) = [where for what, where in rows if what.strip() == "everything else, every other refusal too"]
    assert inbox.strip() == "`inbox.<you>`"
    mine = {one.name: one for one in organisation.systems}
    own = {name for system in mine.values() if system.runs for name in system.reads}

    for contract in contracts.CONTRACTS.values():
        if contract.answers_whoever_asked:
            answered = organisation.address(contract.name, notice=True, asked_by="attendance")
            assert answered == mine["attendance"].address
        refused = organisation.address("message.refused", notice=True, refusal_of=contract.name)
        if organisation.sends(contract.name):
            about_attendance = contract.name.startswith("attendance.")
            assert refused == (mine["attendance"].address if about_attendance else organisation.id)
        if contract.name == "attendance.settled":
            assert organisation.address(contract.name, notice=True) == mine["attendance"].address
        elif contract.name not in own:
            assert organisation.address(contract.name, notice=True) == organisation.id


@pytest.mark.parametrize("page", ["README.md", "docs/partners.md", "docs/partners.es.md"])
def test_every_link_of_the_first_pages_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings], (
            link
        )


def test_what_node_needs_is_locked_by_hash_and_by_no_registry() -> None:
    asked, locked = (json.loads((DOCS / name).read_text()) for name in NODE_FILES[1:3])
    packages = {name.removeprefix("node_modules/"): one for name, one in locked["packages"].items() if name}
    assert {name: one["version"] for name, one in packages.items()} == asked["dependencies"]
    assert [name for name, one in packages.items() if not one["integrity"].startswith("sha512-")] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


def test_a_partners_first_jornada_takes_the_list_and_refers_as_the_guide_shows(
    network: Network, start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    state, ours = network.stack.state, {**os.environ, "PYTHONPATH": str(ROOT)}
    start("iom")
    eventually(lambda: rows(network, "referrals", OFFERED))
    services = tmp_path / "services.json"
    with services.open("wb") as out:
        directory = {"SERVICE_DATABASE_URL": network.stack.service_database_url("referrals")}
        export = [sys.executable, "-P", "-m", "tools.directory", "export"]
        subprocess.run(export, cwd=ROOT, env=ours | directory, stdout=out, timeout=120, check=True)
    home = state.organisations / "redcross"
    page = [sys.executable, str(DOCS / "first_jornada.py"), str(home)]
    held = subprocess.run(page, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True)
    words = held.stdout.splitlines()[-1].removeprefix("held ").split()

    imported = subprocess.run(
        [
            sys.executable, "-P", "-m", "tools.attendance", "import", str(DOCS / "first_jornada.csv"), *words,
            "--credentials", str(home / "credentials.json"), "--directory", str(state.directory_file),
            "--services", str(services), "--shared-with", "iom",
        ],
        cwd=ROOT, env=ours, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip

    expected = counts(shown(PAGE, "┃ rows"))
    assert sum(int(rows) for rows, of in expected if of in ("accepted", "repeated", "refused")) == 10
    assert counts(imported.stdout.splitlines()) == expected
    ((referral_id,),) = eventually(lambda: rows(network, "intake", REFERRED))
    eventually(lambda: rows(network, "referrals", STATE, referral_id) == [("accepted",)])


def test_a_guide_that_shows_another_outcome_would_be_noticed() -> None:
    table = "```\n┃ rows ┃            ┃\n│ 7    │ accepted   │\n│ 1    │   bad_date │\n```\n"
    assert counts(shown(table, "┃ rows")) == [("7", "accepted"), ("1", "bad_date")]
    assert counts(shown(table.replace("7", "8"), "┃ rows")) == [("8", "accepted"), ("1", "bad_date")]


def test_the_first_case_of_primero_is_translated() -> None:
    command = [sys.executable, "-P", "-m", "tools.formats", "primero-from", str(DOCS / "first_case.json")]
    done = subprocess.run(
        [*command, "--words", str(DOCS / "first_case.toml"), "--consent", CONSENT],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [one["type"] for one in json.loads(done.stdout)] == [
        "person.registered.v1",
        "need.identified.v1",
        "referral.requested.v2",
    ]


@pytest.mark.parametrize("words", [("attendance", "import"), ("translate", "fhir-to"), ("receipt",)])
def test_help_is_that_of_the_command_itself(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-P", "-m", "deploy.local", *words, "--help"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.lower().startswith(f"usage: ruta {' '.join(words)} ")
    assert "passed on as they are" not in done.stdout
