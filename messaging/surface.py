"""What a service handles and what it says, read off its code without running it.

`deploy/network.toml` need not repeat what `@on(contracts.…)` says, and who provisions a broker need not import the
services, their libraries and nameko for it.
"""

import ast
import importlib.util
from functools import cache
from pathlib import Path

import contracts

REFUSAL = contracts.contract_of(contracts.MessageRefused).name  # the runtime says it for every service


class NoServiceError(Exception):
    """There is no service in the package, or its code does not say what it handles in the way that is read here."""


@cache
def handles(package: str) -> tuple[str, ...]:
    """Return the names of the contracts that a service's methods handle (`@on(contracts.…)`), in their order."""
    named = [
        decorator.args[0]
        for node in ast.walk(_parse(_folder(package) / "service.py"))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "on"
    ]
    found: dict[str, None] = {}
    for one in named:
        contract = _contract(one)
        if contract is None:
            raise NoServiceError(f"{package} handles {ast.unparse(one)}, which is no contract")
        found[contract] = None
    return tuple(found)


@cache
def says(package: str) -> tuple[str, ...]:
    """Return the names of the contracts whose data the service's messages make, and of refusals; alphabetically."""
    folder = _folder(package)
    made = {
        _contract(node.func)
        for file in (folder / "messages.py", *sorted((folder / "messages").glob("*.py")))
        if file.exists()
        for node in ast.walk(_parse(file))
        if isinstance(node, ast.Call)
    }
    return tuple(sorted({one for one in made if one is not None} | {REFUSAL}))


def says_as_a_service(package: str) -> tuple[str, ...]:
    """Return of what it says that which only services may say: an organisation needs leave for it to run a copy."""
    only_services = {one.name for one in contracts.CONTRACTS.values() if one.sent_by in ("hub", "service")}
    return tuple(name for name in says(package) if name in only_services)


def is_service(package: str) -> bool:
    """Whether the package is here, and a service."""
    try:
        _folder(package)
    except NoServiceError:
        return False
    return True


def _folder(package: str) -> Path:
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    for folder in (found and found.submodule_search_locations) or ():
        if (Path(folder) / "service.py").is_file():
            return Path(folder)
    raise NoServiceError(f"there is no service in the package {package}")


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _contract(node: ast.expr) -> str | None:
    """The contract of `contracts.JornadaHeld` or `JornadaHeld`; None of what is something else."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    data = getattr(contracts, name, None)
    try:
        return contracts.contract_of(data).name if isinstance(data, type) else None
    except KeyError:
        return None
