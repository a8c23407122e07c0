"""What `./ruta` says when it is asked for help and has no environment yet: help.txt, made from the commands themselves.

`./ruta generate` writes it.
"""

import contextlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cyclopts import App
from rich.console import Console

from deploy.local.cli import MODULES, app
from deploy.local.state import ROOT

FILE = Path(__file__).with_name("help.txt")
COLUMNS = 80


def stale() -> dict[Path, str]:
    """Return the file with the text that it should have, where it has another."""
    text = as_text()
    return {} if FILE.read_text(encoding="utf-8") == text else {FILE: text}


def as_text() -> str:
    """All pages, each below a line `=== COMMAND`, by which `./ruta` finds it; the first is that of no command."""
    commands = ["", *(name for name in app if not name.startswith("-"))]
    with ThreadPoolExecutor(2) as at_once:
        others = dict(zip(MODULES, at_once.map(_page_of_module, MODULES.values()), strict=True))
    pages = {name: others[name] if name in others else _page(app, name.split()) for name in commands}
    return "\n".join(f"=== {name}\n{_stripped(page)}" for name, page in pages.items())


def _stripped(page: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in page.strip().splitlines())


def _page(app: App, words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.suppress(SystemExit):
        app.help_print(words, console=Console(file=out, width=COLUMNS))
    return out.getvalue()


def _page_of_module(module: str) -> str:
    return subprocess.run(
        [sys.executable, "-P", "-m", module, "--help"],
        cwd=ROOT, env=os.environ | {"COLUMNS": str(COLUMNS), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
