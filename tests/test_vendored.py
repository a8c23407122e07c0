"""Files that others have made stand in vendored.toml, and are as they came."""

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIST = "vendored.toml"
SAID = {"path", "name", "version", "licence", "source", "sha256"}
# Where such files are: whatever lies in a folder of this name, what has been minified, and the examples of HSDS.
PATTERNS = ("**/vendored/*", "**/*.min.*", "tools/directory/hsds/**/*.json")
NOT_OURS = {".venv", ".ruta", ".git", "node_modules"}


def wrong(root: Path) -> list[str]:
    """What is not as the list says, and what does not stand in it."""
    listed = tomllib.loads((root / LIST).read_text(encoding="utf-8"))["file"]
    found = []
    for one in listed:
        if missing := SAID - one.keys():
            found.append(f"of {one.get('path')} is not said: {', '.join(sorted(missing))}")
        elif not (root / one["path"]).is_file():
            found.append(f"{one['path']} is not there")
        elif hashlib.sha256((root / one["path"]).read_bytes()).hexdigest() != one["sha256"]:
            found.append(f"{one['path']} is not as it came")
    return found + [f"{path} does not stand in {LIST}" for path in vendored(root) if path not in _paths(listed)]


def vendored(root: Path) -> Sequence[str]:
    """Every such file, by its path."""
    files = {one.relative_to(root) for pattern in PATTERNS for one in root.glob(pattern) if one.is_file()}
    return sorted(str(one) for one in files if not NOT_OURS.intersection(one.parts))


def _paths(listed: Sequence[dict[str, str]]) -> set[str]:
    return {one.get("path", "") for one in listed}


def test_every_file_of_others_is_listed_and_as_it_came() -> None:
    assert wrong(ROOT) == []


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        ("x/vendored/a.js", "x/vendored/a.js is not as it came"),
        ("x/vendored/b.js", "x/vendored/b.js does not stand in vendored.toml"),
        ("x/htmx.min.js", "x/htmx.min.js does not stand in vendored.toml"),
    ],
)
def test_a_planted_file_is_found(tmp_path: Path, plant: str, said: str) -> None:
    good = tmp_path / "x" / "vendored" / "a.js"
    good.parent.mkdir(parents=True)
    good.write_text("good")
    sha256 = hashlib.sha256(b"good").hexdigest()
    (tmp_path / LIST).write_text(
        "[[file]]\n"
        + "".join(f'{name} = "x"\n' for name in SAID - {"path", "sha256"})
        + f'path = "x/vendored/a.js"\nsha256 = "{sha256}"\n'
    )
    assert wrong(tmp_path) == []
    (tmp_path / plant).write_text("planted")
    assert wrong(tmp_path) == [said]
