"""Which codes the code refuses with, or lets a message wait for: found in its syntax, by who says them.

A code that is put together (`not_while_{state}`) is found as what it begins with and `<…>`. Where it cannot be told
which code a line refuses with, the line is named in its place, so that nothing passes unseen.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import contracts
from contracts.fields import Past
from contracts.reading import OF_THE_NETWORK
from messaging import inbox, runtime

ROOT = Path(__file__).parents[1]
SERVICES = ("referrals", "intake", "events", "employment")
A_CODE = re.compile("[a-z][a-z0-9_]{2,62}")
AN_ANSWER = range(400, 600)  # statuses of HTTP by which something is refused

Codes = set[str]


def trees(*paths: Path) -> Iterator[tuple[Path, ast.Module]]:
    """The syntax of each file, and of those of each folder."""
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file, ast.parse(file.read_text())


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call, with the last part of the name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def argument(call: ast.Call, place: int, name: str = "code") -> ast.expr | None:
    """An argument by its name or its place."""
    named = (one.value for one in call.keywords if one.arg == name)
    return next(named, call.args[place] if len(call.args) > place else None)


def texts(node: ast.expr | None, names: Mapping[str, object] = MappingProxyType({})) -> Codes | None:
    """What an expression may be; None where that cannot be told."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), ast.FormattedValue()]):
            return {f"{text}<…>"}
        case ast.IfExp(body=one, orelse=other):
            both = texts(one, names), texts(other, names)
            return None if None in both else (both[0] or set()) | (both[1] or set())
        case ast.Name(id=name) | ast.Attribute(attr=name) if isinstance(names.get(name), str):
            return {str(names[name])}
    return None


def by_plausibility(root: Path = ROOT) -> dict[str, Codes]:
    """The codes of each check that the services share (messaging/plausible.py)."""
    found: dict[str, Codes] = {}
    for _, tree in trees(root / "messaging" / "plausible.py"):
        for function in (one for one in tree.body if isinstance(one, ast.FunctionDef)):
            said = (texts(argument(call, 0)) for name, call in calls(function) if name == "Refused")
            found[function.name] = {code for codes in said for code in codes or ()}
    found["check_planned"] |= found["check_not_long_ago"]
    return found


def of_service(service: str, root: Path = ROOT) -> Codes:
    """Every code that a service refuses with, besides what the runtime does; and that it lets a message wait for."""
    folder = root / "services" / service if service in SERVICES else root / "hub" / service
    shared = by_plausibility()
    found: Codes = set()
    for file, tree in trees(folder):
        for name, call in calls(tree):
            if name == "Refused":
                found |= texts(argument(call, 0)) or {f"{file.name}:{call.lineno}"}
            elif name == "MissingPrerequisite":
                code = argument(call, 2)
                what = texts(argument(call, 0, "what")) if code is None else None
                unknown = {f"{one}_unknown" for one in what or ()}
                found |= (texts(code) or unknown) or {f"{file.name}:{call.lineno}"}
            elif name in shared and name != file.stem:
                found |= shared[name]
                if name == "check_not_before":
                    found |= texts(argument(call, 2)) or {f"{file.name}:{call.lineno}"}
    return found


def of_gateway(root: Path = ROOT) -> Codes:
    """Every code by which a message, or a request by HTTP, is refused at the gateway; besides those of reading.

    Found as the first argument of a `Refused`; what follows a status in any call, as in a `Problem`; what has a status
    in a table of them, or lies in a tuple that is given one; and what is called `code`: a name, or the member of an
    object or of the text of one.
    """
    found: Codes = set()
    for _, tree in trees(root / "hub" / "gateway"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if _is_status(value):
                        found |= texts(key) or set()
                    elif _is_status(key) or texts(key) == {"code"}:
                        found |= texts(value) or set()
            elif isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["code"]:
                alternatives = [node.value, *getattr(node.value, "values", ())]  # of a mapping with `get`, or of `or`
                found |= {code for one in alternatives for code in texts(one) or ()}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
                found |= set(re.findall(r'"code": ?"([a-z_0-9]+)"', text))
        for name, call in calls(tree):
            found |= {code for one in call.keywords if one.arg == "code" for code in texts(one.value) or ()}
            if name == "Refused":
                found |= texts(argument(call, 0)) or set()  # of one that was read badly: the code of reading
            elif call.args and _is_status(call.args[0]):
                found |= texts(argument(call, 1)) or set()
            elif name == "fromkeys" and len(call.args) == 2 and _is_status(call.args[1]):
                found |= {code for one in getattr(call.args[0], "elts", ()) for code in texts(one) or ()}
    return {code for code in found if A_CODE.fullmatch(code)}


def _is_status(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "HTTPStatus":
        return True
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value in AN_ANSWER


# Where a code stands among the arguments of the runtime's own functions.
OF_THE_RUNTIME = {"_refuse": 2, "_wait": 2, "note": 2, "_quarantine": 3, "parked_row": 3, "quarantine": 2}


def of_anybody(root: Path = ROOT) -> Codes:
    """Every code of reading, and of what the runtime does with the messages of every service."""
    names = {**vars(inbox), **vars(runtime)}
    found: Codes = {code for _, code in OF_THE_NETWORK.values()}
    for _, tree in trees(root / "contracts" / "reading.py", *(root / "messaging").glob("*.py")):
        for name, call in calls(tree):
            if name == "Invalid":
                found |= texts(argument(call, 0)) or set()
            elif name in OF_THE_RUNTIME:
                found |= texts(argument(call, OF_THE_RUNTIME[name]), names) or set()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "refuses":
                returned = (one.value for one in ast.walk(node) if isinstance(one, ast.Return))
                found |= {code for one in returned for code in texts(one) or ()}
            elif isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["code"]:
                found |= texts(node.value) or set()
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"reason = '([a-z_]+)'", node.value))
    return {code for code in found if code} | ahead_of_time()


def ahead_of_time() -> Codes:
    """The codes of what states a time that has not come, by the marks of the contracts."""
    found = {Past.code}
    for _, tree in trees(Path(contracts.__file__).parent):
        for name, call in calls(tree):
            if name == "Past":
                found |= texts(argument(call, 0)) or set()
    return found
