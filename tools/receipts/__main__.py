"""The command line of receipts: `python -m tools.receipts FILE` prints the receipt in a message as a page of HTML."""

import argparse
import json
import os
import sys
from pathlib import Path

import contracts
from messaging import register, topology
from tools.receipts.page import receipt_page


def main(arguments: list[str] | None = None) -> int:
    """Print the page; return 0, or 1 with a line of what is wrong."""
    parser = argparse.ArgumentParser(
        prog="ruta receipt", description="Print the receipt in a message as a page of HTML."
    )
    parser.add_argument("message", type=Path, metavar="FILE", help="a message consent.receipt_issued, as it came")
    parser.add_argument(
        "--directory",
        type=Path,
        default=os.environ.get("RUTA_DIRECTORY_FILE"),
        help="the directory of organisations that the hub handed out, for their names (RUTA_DIRECTORY_FILE); "
        "without it, the names are those of deploy/network.toml (RUTA_NETWORK_FILE)",
    )
    chosen = parser.parse_args(arguments)
    try:
        receipt = contracts.upcast(contracts.parse(chosen.message.read_bytes())).data
        names = declared_names() if chosen.directory is None else read_names(chosen.directory)
    except OSError as error:
        return _fail(f"{error.filename} cannot be read: {error.strerror}")
    except topology.TopologyError as error:
        return _fail(f"{error}; --directory names the organisations, too")
    except contracts.Invalid as error:
        return _fail(f"{chosen.message} is no message: {error}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _fail(f"{chosen.directory} is no directory of organisations")
    if not isinstance(receipt, contracts.ConsentReceiptIssued):
        return _fail(f"{chosen.message} is not the receipt of a consent")
    sys.stdout.buffer.write(f"{receipt_page(receipt, names=names)}\n".encode())  # as the page says that it is written
    return 0


def read_names(directory: Path) -> dict[str, str]:
    """Read what organisations are called, by their ids."""
    content = json.loads(directory.read_text(encoding="utf-8"))
    return {one: _text(said["name"]) for one, said in content["organisations"].items()}


def declared_names() -> dict[str, str]:
    """Read what the network calls its organisations, by their ids."""
    _, organisations = register.of_environment()
    return {one.id: _text(one.name) for one in organisations().values()}


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError
    return name


def _fail(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
