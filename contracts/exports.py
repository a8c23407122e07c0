"""The package's `__init__.py`, made from its modules, so that a new contract need not be named a second time."""

import importlib
import pkgutil
from pathlib import Path

from .fields import Model

FILE = Path(__file__).parent / "__init__.py"

_OPENING = '''\
"""The words that organisations share: every message of the network, how to read one and how to write one.

Made by `python -m contracts generate` from the models of the package's modules; do not edit.
"""
'''

# What is offered besides the models, by the module that has it.
_BESIDES = {
    "blocks": ("read_block",),
    "envelope": ("MAX_BYTES", "uuid7"),
    "reading": ("MAX_DEPTH", "Invalid", "parse", "upcast"),
    "refusals": ("explain",),
    "registry": ("CONTRACTS", "Contract", "contract_of"),
    "sealed_to": ("SealedBlock", "key_id", "sealed_blocks", "thumbprint"),
    "short_codes": ("read_short_code", "short_code"),
    "times": ("Stated", "stated"),
    "words": ("NoWords", "label"),
    "writing": ("Draft", "stamp"),
}
_NOT_OFFERED = {"__main__", "fields"}


def as_text() -> str:
    """Write `__init__.py`: every public model of every module, imported and named in `__all__`."""
    offered = {name: names for name in _modules() if (names := sorted(_names(name), key=_in_imports))}
    imports = [
        "\n".join([f"from .{module} import (", *map("    {},".format, names), ")"]) for module, names in offered.items()
    ]
    every = sorted((name for names in offered.values() for name in names), key=_kind)
    return "\n".join([_OPENING, *imports, "", "__all__ = [", *map('    "{}",'.format, every), "]", ""])


def import_all() -> None:
    """Import every module of the package, so that contracts which `__init__.py` does not name yet are registered."""
    for name in _modules():
        importlib.import_module(f"{__package__}.{name}")


def _modules() -> list[str]:
    return [one.name for one in pkgutil.iter_modules([str(FILE.parent)]) if one.name not in _NOT_OFFERED]


def _names(name: str) -> list[str]:
    module = importlib.import_module(f"{__package__}.{name}")
    models = [
        word
        for word, value in vars(module).items()
        if not word.startswith("_")
        and isinstance(value, type)
        and issubclass(value, Model)
        and value.__module__ == module.__name__
        and word.isidentifier()
    ]
    return [*models, *_BESIDES.get(name, ())]


def _kind(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: as the linter sorts names."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _in_imports(name: str) -> tuple[int, str]:
    """The same, but that imports are sorted without regard to capitals."""
    return _kind(name)[0], name.lower()
