"""Who may import whom, and that every service has the same inner shape; with planted violations that must be caught."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SHAPE = {"__init__.py", "service.py", "rules.py", "messages.py", "store.py", "migrations", "README.md"}
# A service with several subjects has a folder in place of such a file: `rules/` with a file for each subject.
MAY_BE_A_FOLDER = {"rules.py", "messages.py", "store.py"}

# What each part may import of ours. Inside a service: `.rules` means its own rules.
OURS = {"contracts", "messaging", "hub", "tools", "services", "deploy", "demo", "bench", "chaos", "screens", "tests"}
ALLOWED_PARTS = {
    "messaging": {"contracts", "messaging"},
    "hub": {"contracts", "messaging", "hub"},
    "tools": {"contracts", "messaging", "tools"},
}
ALLOWED_IN_SERVICE = {
    "__init__.py": set(),
    "service.py": {".rules", ".store", ".messages", "messaging", "contracts"},
    # What rules say, what nothing can be, and how names and documents are written; and who may move a referral where,
    # which screens show as well.
    "rules.py": {
        ".rules",
        "messaging.answers",
        "messaging.plausible",
        "messaging.spelling",
        "contracts.deadlines",
        "contracts.transitions",
    },
    "messages.py": {".messages", ".rules", "contracts", "messaging.answers"},
    "store.py": {".store", ".rules", "messaging.answers", "messaging.database", "messaging.transaction"},
}
NEED_JOSERFC = ("sealing.py", "key_directory.py")  # of contracts: the extra `sealing`
# Of a process on asyncio nothing is eventlet's: neither itself, nor what is made for services.
ON_ASYNCIO = ("hub/console/web", "hub/gateway/http")
OF_EVENTLET = ("eventlet", "nameko", "messaging.on", "messaging.run")
# Nothing but the module that runs the services knows nameko, and nothing of a service does.
NO_NAMEKO_IN = {"rules.py", "store.py", "messages.py", "service.py"}


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every import of a file: its level (0: absolute) and the full name, one for each name it takes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{node.module}." if node.module else ""
            yield from ((node.level, f"{module}{alias.name}") for alias in node.names)


def wrong_shape(services: Path) -> list[str]:
    """What is missing in a service's folder, or has no place in it; and what else lies beside the services."""
    found = []
    for entry in sorted(services.iterdir()):
        if entry.name in ("__init__.py", "__pycache__"):
            continue
        if not entry.is_dir():
            found.append(f"services/{entry.name} is no service")
            continue
        files = {
            f"{one.name}.py" if one.is_dir() and f"{one.name}.py" in MAY_BE_A_FOLDER else one.name
            for one in entry.iterdir()
            if one.name != "__pycache__"
        }
        found += [f"{entry.name} lacks {name}" for name in sorted(SHAPE - files)]
        found += [f"{entry.name} has no place for {name}" for name in sorted(files - SHAPE)]
        migrations = sorted(one.name for one in (entry / "migrations").glob("*"))
        numbers = [name[:5] for name in migrations]
        if numbers != [f"{number:04}_" for number in range(1, len(numbers) + 1)]:
            found.append(f"{entry.name} does not number its migrations from 0001 without gaps")
        found += [f"{entry.name}: {name} is not named as a sentence" for name in migrations if name.count("_") < 4]
    return found


def wrong_imports_of_services(services: Path) -> list[str]:
    """Imports inside services that the table does not allow."""
    found = []
    for file in sorted(services.glob("*/**/*.py")):
        service, part, *_ = file.relative_to(services).parts
        part = part if part.endswith(".py") else f"{part}.py"
        where = file.relative_to(services)
        allowed = ALLOWED_IN_SERVICE.get(part, set())
        own = f"services.{service}."
        for level, name in imports(file):
            if name.split(".")[0] in ("nameko", "eventlet") and part in NO_NAMEKO_IN:
                found.append(f"{where} imports {name}")
            if level == 0 and name.split(".")[0] not in OURS:
                continue
            local = name.replace(own, ".", 1) if name.startswith(own) else name
            if level or not any(local == one or local.startswith(f"{one}.") for one in allowed):
                found.append(f"{where} imports {'.' * level}{name}")
    return found


def wrong_imports_of_parts(root: Path) -> list[str]:
    """Imports of messaging, hub and tools that go where they may not."""
    return [
        f"{file.relative_to(root)} imports {name}"
        for part, allowed in ALLOWED_PARTS.items()
        for file in sorted((root / part).rglob("*.py"))
        for _, name in imports(file)
        if name.split(".")[0] in OURS - allowed
    ]


def wrong_imports_of_contracts(contracts: Path) -> list[str]:
    """Imports of contracts that a partner who installs it alone could not follow."""
    third_party = {"pydantic", "pydantic_core", "typing_extensions"}
    found = []
    for file in sorted(contracts.rglob("*.py")):
        allowed = third_party | sys.stdlib_module_names | ({"joserfc"} if file.name in NEED_JOSERFC else set())
        found += [
            f"{file.name} imports {name}"
            for level, name in imports(file)
            if not level and name.split(".")[0] not in allowed
        ]
    return found


def imports_of_eventlet(root: Path) -> list[str]:
    """Imports of eventlet, or of what brings it, in what runs on asyncio."""
    return [
        f"{file.relative_to(root)} imports {name}"
        for part in ON_ASYNCIO
        for file in sorted((root / part).rglob("*.py"))
        for _, name in imports(file)
        if any(name == one or name.startswith(f"{one}.") for one in OF_EVENTLET)
    ]


def test_every_service_has_the_same_inner_shape() -> None:
    assert wrong_shape(ROOT / "services") == []


def test_inside_services_imports_go_only_where_they_may() -> None:
    assert wrong_imports_of_services(ROOT / "services") == []


def test_messaging_hub_and_tools_know_no_service_and_the_hub_no_tool() -> None:
    assert wrong_imports_of_parts(ROOT) == []


def test_what_runs_on_asyncio_has_nothing_of_eventlet() -> None:
    assert imports_of_eventlet(ROOT) == []


@pytest.mark.parametrize("module", ["hub.console.web.__main__", "hub.gateway.http.__main__"])
def test_no_eventlet_comes_along_with_what_it_imports(module: str) -> None:
    look = f"import sys, {module}; print(sorted({{'eventlet', 'nameko', 'fastapi'}} & sys.modules.keys()))"
    run = subprocess.run(
        [sys.executable, "-P", "-c", look], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_contracts_stand_alone() -> None:
    assert wrong_imports_of_contracts(ROOT / "contracts") == []


# -- planted violations -----------------------------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A tree with one small service in which everything is as it should be."""
    service = tmp_path / "services" / "referrals"
    (service / "migrations").mkdir(parents=True)
    (service / "migrations" / "0001_one_referral_is_open.sql").touch()
    for name in SHAPE - {"migrations"}:
        (service / name).touch()
    for part in ("messaging", "hub", "tools", "contracts"):
        (tmp_path / part).mkdir()
    assert wrong_shape(tmp_path / "services") == []
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("store.py", "import contracts"),
        ("rules.py", "from messaging import clock"),
        ("rules.py", "from services.referrals import store"),
        ("rules.py", "from . import store"),
        ("messages.py", "from services.referrals import store"),
        ("service.py", "from services.intake import rules"),
        ("service.py", "import services.intake.store"),
        ("store.py", "from services import intake"),
        ("store.py", "from messaging.on import on"),
        ("service.py", "def later():\n    import hub.gateway"),
        ("service.py", "from nameko.rpc import rpc"),
        ("rules/people.py", "from services.referrals import store"),
        ("rules/people.py", "from messaging import clock"),
        ("store/people.py", "import contracts"),
        ("messages/people.py", "from services.intake.rules import people"),
    ],
)
def test_a_planted_import_inside_a_service_is_caught(planted: Path, file: str, line: str) -> None:
    (planted / "services" / "referrals" / file).parent.mkdir(exist_ok=True)
    (planted / "services" / "referrals" / file).write_text(line)
    assert len(wrong_imports_of_services(planted / "services")) == 1


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("messaging", "from services.referrals import rules"),
        ("messaging", "import hub"),
        ("hub", "import services.referrals.store"),
        ("hub", "from tools.directory import exporting"),
        ("tools", "import services.referrals.store"),
        ("tools", "from hub.reports import report"),
    ],
)
def test_a_planted_import_of_another_part_is_caught(planted: Path, part: str, line: str) -> None:
    (planted / part / "anything.py").write_text(line)
    assert len(wrong_imports_of_parts(planted)) == 1


@pytest.mark.parametrize(
    "line",
    ["import eventlet.green", "from nameko import rpc", "from messaging.on import on", "from messaging import run"],
)
def test_a_planted_import_of_eventlet_is_caught(planted: Path, line: str) -> None:
    (planted / "hub" / "console" / "web").mkdir(parents=True)
    (planted / "hub" / "console" / "web" / "anything.py").write_text(line)
    assert len(imports_of_eventlet(planted)) == 1


@pytest.mark.parametrize(
    "line", ["import contracts.codes", "from messaging import clock", "import psycopg", "import joserfc"]
)
def test_a_planted_import_that_partners_do_not_have_is_caught(planted: Path, line: str) -> None:
    (planted / "contracts" / "anything.py").write_text(line)
    assert len(wrong_imports_of_contracts(planted / "contracts")) == 1


@pytest.mark.parametrize(
    "plant",
    [
        "services/referrals/helpers.py",
        "services/referrals/helpers/dates.py",
        "services/helpers.py",
        "services/referrals/migrations/0003_a_gap_in_the_numbers.sql",
        "services/referrals/migrations/0002_visits.sql",
    ],
)
def test_a_planted_file_is_caught(planted: Path, plant: str) -> None:
    (planted / plant).parent.mkdir(exist_ok=True)
    (planted / plant).touch()
    assert len(wrong_shape(planted / "services")) == 1


def test_a_file_that_is_missing_is_caught(planted: Path) -> None:
    (planted / "services" / "referrals" / "README.md").unlink()
    assert wrong_shape(planted / "services") == ["referrals lacks README.md"]
