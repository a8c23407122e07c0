"""Contracts are a package that partners install by itself, under a name of its own."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contracts import CONTRACTS, explain, label
from contracts.schemas import Schema, released_schemas

PACKAGE = Path(__file__).parents[2] / "contracts"
MODULES = sorted(PACKAGE.glob("*.py"))
NEED_JOSERFC = ("sealing", "key_directory")
"""The extra `sealing`."""
OFFERED = {"pydantic", "pydantic_core", "typing_extensions"}
"""pydantic, and what pydantic itself always brings."""


def imported_by(source: str) -> set[str]:
    """The names of what a module imports from elsewhere; `.` stands for the package itself."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names


def strangers(module: str, source: str) -> set[str]:
    allowed = {".", *sys.stdlib_module_names, *OFFERED}
    return imported_by(source) - (allowed | {"joserfc"} if module in NEED_JOSERFC else allowed)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_its_own_package_relatively_and_else_only_pydantic(module: Path) -> None:
    assert strangers(module.stem, module.read_text()) == set()


@pytest.mark.parametrize(
    "planted", ["import contracts", "from contracts.codes import Urgency", "import messaging", "import joserfc"]
)
def test_a_planted_import_is_noticed(planted: str) -> None:
    assert strangers("reading", planted)


def run_as_ruta_contracts(folder: Path, program: str) -> str:
    """Run a program where the package is importable as `ruta_contracts`, and nothing of this project is."""
    (folder / "ruta_contracts").symlink_to(PACKAGE)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_partner_reads_a_message_under_the_packages_own_name(tmp_path: Path) -> None:
    example = PACKAGE / "examples" / "referral.offered.v1" / "ok-to-the-recipient.json"
    program = f"import ruta_contracts; print(ruta_contracts.parse(open({str(example)!r}, 'rb').read()).type)"
    assert run_as_ruta_contracts(tmp_path, program) == "referral.offered.v1\n"


def test_the_package_explains_refusals_by_itself(tmp_path: Path) -> None:
    program = "import ruta_contracts; print(ruta_contracts.explain('person_unknown', 'intake'))"
    assert run_as_ruta_contracts(tmp_path, program) == f"{explain('person_unknown', 'intake')}\n"


def test_the_package_names_codes_by_itself(tmp_path: Path) -> None:
    program = "import ruta_contracts; print(ruta_contracts.label('declined', of='ReferralState'))"
    assert run_as_ruta_contracts(tmp_path, program) == f"{label('declined', of='ReferralState')}\n"


def test_reading_and_writing_need_no_library_for_sealing(tmp_path: Path) -> None:
    program = "import sys; sys.modules['joserfc'] = None; import ruta_contracts; print(len(ruta_contracts.CONTRACTS))"
    assert run_as_ruta_contracts(tmp_path, program) == f"{len(CONTRACTS)}\n"


def test_the_distribution_is_the_package_and_needs_only_pydantic() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())
    assert project["project"]["name"] == "ruta-contracts"
    assert [need.partition(" ")[0] for need in project["project"]["dependencies"]] == ["pydantic"]
    assert project["tool"]["setuptools"]["package-dir"] == {"ruta_contracts": "."}
    shipped = project["tool"]["setuptools"]["package-data"]["ruta_contracts"]
    files = {path for folder in ("schemas", "examples") for path in (PACKAGE / folder).rglob("*") if path.is_file()}
    assert {path for pattern in shipped for path in PACKAGE.glob(pattern)} == {
        *files,
        PACKAGE / "py.typed",
        PACKAGE / "CATALOGUE.md",
        PACKAGE / "divipola.csv",
        PACKAGE / "refusals.toml",
        PACKAGE / "words.toml",
    }


def test_every_contract_says_what_it_means() -> None:
    for contract in CONTRACTS.values():
        assert contract.meaning.endswith("."), contract.type


# Facts said again are of several kinds: what a service is called stands beside what is about people, and not among it.
PUBLIC = {"facts.said.v1": ["name"]}


@pytest.mark.parametrize("contract", [name for name in CONTRACTS if CONTRACTS[name].personal_data])
def test_a_contract_about_a_person_has_no_place_for_words_in_clear(contract: str) -> None:
    assert open_texts(released_schemas()[contract]) == PUBLIC.get(contract, [])


def test_a_contract_with_a_sealed_block_says_that_it_is_about_a_person() -> None:
    sealed = {
        name for name, schema in released_schemas().items() if name in CONTRACTS and '"^eyJ' in json.dumps(schema)
    }
    assert sealed
    assert all(CONTRACTS[name].personal_data for name in sealed)


def test_a_place_for_words_in_clear_is_noticed() -> None:
    assert open_texts(released_schemas()["service.published.v1"]) == ["name"]
    assert open_texts({"properties": {"note": {"type": "string"}}}) == ["note"]


def open_texts(schema: Schema) -> list[str]:
    """The fields of a schema that take text with spaces in it."""
    found = []

    def look(name: str, part: object) -> None:
        if isinstance(part, list):
            for each in part:
                look(name, each)
        if not isinstance(part, dict):
            return
        if part.get("type") == "string" and not part.keys() & {"enum", "const"} and part.get("format") != "uuid":
            pattern = part.get("pattern")
            if pattern is None or "[^" in pattern or "." in pattern.replace("[.]", ""):
                found.append(name)
        for key, below in part.items():
            if key in {"properties", "$defs"}:
                for field, kind in below.items():
                    look(field, kind)
            elif key in {"anyOf", "items"}:
                look(name, below)

    look("", schema)
    return found
