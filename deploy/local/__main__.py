"""`./ruta` arrives here once the environment is there; when a package has gone from it, it is made again."""

import os
import sys

from deploy.local.state import ROOT


def mend(missing: str) -> None:
    """Let the bootstrap make the environment anew and run the same command, but only once."""
    if os.environ.get("RUTA_MENDED") or (ROOT / missing.split(".")[0]).is_dir():
        raise SystemExit(f"ruta: a part of Ruta is missing: {missing}")
    (ROOT / ".venv" / ".finished").unlink(missing_ok=True)
    os.execve(ROOT / "ruta", [str(ROOT / "ruta"), *sys.argv[1:]], os.environ | {"RUTA_MENDED": "1"})


try:
    from deploy.local.cli import main

    main()
except ModuleNotFoundError as error:
    mend(error.name or "a module")
