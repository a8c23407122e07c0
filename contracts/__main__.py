"""The command line of contracts: list and explain, make keys, seal, check directories and that no contract breaks."""

import argparse
import difflib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from . import catalogue, exports, refusals, schemas, words
from .compatibility import breaks
from .registry import CONTRACTS
from .schemas import Schema

# As it is called: within the project by `./ruta contracts`, where the package alone is installed by its name.
PROGRAM = "ruta contracts" if __package__ == "contracts" else f"python -m {__package__}"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0 when all is well, 1 with one line for each thing that is not."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name every contract and what it means")
    check = commands.add_parser("check", help="fail when a contract breaks what was released")
    check.add_argument("--against", metavar="REVISION", help="also check the schemas that a git revision holds")
    explain = commands.add_parser("explain", help="say in words what the code of a refusal means")
    explain.add_argument("code", metavar="CODE", help="the `code` of a problem, an outcome or message.refused")
    explain.add_argument(
        "--by", metavar="SERVICE", choices=refusals.SPEAKERS, help="only as this one means it: %(choices)s"
    )
    explain.add_argument(
        "--language",
        choices=words.LANGUAGES,
        default="es",
        help="in which to say it: %(choices)s (without this: %(default)s)",
    )
    seal = commands.add_parser(
        "seal", help="encrypt what is about a person, JSON from standard input, to who may read it"
    )
    seal.add_argument("organisation", metavar="ORGANISATION", help="its short name, or hub")
    seal.add_argument("directory", metavar="DIRECTORY", type=Path, help="directory.json, everyone's public keys")
    opening = commands.add_parser("open", help="read what was sealed to you, from standard input")
    opening.add_argument("key", metavar="KEY", type=Path, help="private.jwk")
    key = commands.add_parser("key", help="make a private key, which stays with you; print its public part")
    key.add_argument("what", choices=("new", "public"), help="make one in a new file, or read the one that is there")
    key.add_argument("file", metavar="FILE", type=Path, help="private.jwk")
    checking = commands.add_parser(
        "directory", help="check a directory that the hub has signed, from standard input, and print what it says"
    )
    checking.add_argument("key", metavar="KEY", type=Path, help="credentials.json, or the hub's public key as a JWK")
    checking.add_argument(
        "--last", metavar="NUMBER", type=int, default=0, help="of the one accepted last: an older one is refused"
    )
    checking.add_argument(
        "--into",
        metavar="FILE",
        type=Path,
        help="directory.json, which it takes the place of once it is found good; refused if older than that",
    )
    commands.add_parser("generate", help="publish the schemas of new contracts and of harmless changes")
    chosen = parser.parse_args(arguments)

    if chosen.command == "list":
        for contract in CONTRACTS.values():
            print(f"{contract.type:40} {contract.meaning}")
        return 0
    if chosen.command == "explain":
        return explain_code(chosen.code, chosen.by, chosen.language)
    if chosen.command == "seal":
        return seal_block(sys.stdin.read(), chosen.organisation, chosen.directory)
    if chosen.command == "open":
        return open_block(sys.stdin.read(), chosen.key)
    if chosen.command == "key":
        return show_key(chosen.file, is_new=chosen.what == "new")
    if chosen.command == "directory":
        return check_directory(sys.stdin.read(), chosen.key, chosen.last, chosen.into)

    exports.import_all()
    current = schemas.current_schemas()
    released = schemas.released_schemas()
    problems = find_breaks(released, current)
    if chosen.command == "generate":
        if not problems:
            publish(current)
    else:
        if chosen.against:
            problems += find_breaks(_schemas_of_revision(chosen.against), current)
        problems += find_stale(released, current)
    for problem in dict.fromkeys(problems):
        print(problem)
    if problems:
        return 1
    print(f"{len(current)} schemas, none broken")
    return 0


def explain_code(code: str, refused_by: str | None, language: str) -> int:
    """Print what a code means, a line for each who says something else by it; return 1 where nobody says it."""
    found = refusals.find(code, refused_by, language)
    if not found:
        known = {one for speaker in (*refusals.SPEAKERS, "") for one in refusals.spoken(speaker)}
        near = difflib.get_close_matches(code, sorted(known), n=3)
        print(
            f"no refusal has the code {code!r}"
            + (f" by {refused_by}" if refused_by else "")
            + (f"; is it {' or '.join(near)}?" if near and not refused_by else "")
        )
    for meaning in dict.fromkeys(found.values()):
        who = ", ".join(one for one, said in found.items() if said == meaning)
        print(f"{who}: {meaning}" if who and not refused_by else meaning)
    return 0 if found else 1


def seal_block(block: str, organisation: str, directory: Path) -> int:
    """Print a block sealed to an organisation, as a message has it; 1 with the reason where that cannot be."""
    from . import sealing

    try:
        read = json.loads(block)
        if not isinstance(read, dict):
            raise ValueError
    except ValueError:
        print("not_an_object: what is to be sealed is no JSON object", file=sys.stderr)
        return 1
    try:
        public_key = json.loads(directory.read_text())["organisations"][organisation]["public_key"]
        print(sealing.seal(read, public_key))
    except (OSError, ValueError, KeyError, TypeError):
        print(f"{directory} cannot be read, or has no key of {organisation!r}", file=sys.stderr)
        return 1
    except sealing.SealingError as error:
        print(error.code, file=sys.stderr)
        return 1
    return 0


def open_block(sealed: str, key: Path) -> int:
    """Print what was sealed to the owner of a private key; 1 with the reason where it cannot be opened."""
    from . import sealing

    try:
        print(json.dumps(sealing.open_sealed(sealed.strip(), sealing.load_key(key)), ensure_ascii=False))
    except OSError:
        print(f"{key} cannot be read", file=sys.stderr)
        return 1
    except sealing.SealingError as error:
        print(error.code, file=sys.stderr)
        return 1
    return 0


def show_key(file: Path, *, is_new: bool) -> int:
    """Print the public part of a private key, as JSON, having made it where it is a new one; 1 where that fails."""
    from . import sealing

    try:
        if is_new:
            sealing.save_key(sealing.new_key(), file)
        print(json.dumps(sealing.public_part(sealing.load_key(file))))
    except FileExistsError:
        print(f"{file} is there already; what was sealed to it would never be opened again", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{file}: {error.strerror}", file=sys.stderr)
        return 1
    except sealing.SealingError as error:
        print(error.code, file=sys.stderr)
        return 1
    return 0


def check_directory(signed: str, key: Path, last: int, into: Path | None) -> int:
    """Print what a signed directory says, or write it into a file; 1 with the reason where it is not to be used."""
    from . import key_directory

    try:
        last = max(last, key_directory.number_of(into)) if into else last
        directory = key_directory.read_directory(signed, key_directory.load_directory_key(key), last)
        text = json.dumps(directory, indent=1, ensure_ascii=False)
        if into is None:
            print(text)
        else:
            new = into.with_name(f"{into.name}.new")
            new.write_text(text, encoding="utf-8")
            new.replace(into)
            print(f"{into}: number {directory['number']}, of {directory['issued_at']}")
    except key_directory.DirectoryError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def find_breaks(released: Mapping[str, Schema], current: Mapping[str, Schema]) -> list[str]:
    """Name every way in which the current schemas break the released ones, one line each."""
    found = []
    for name, schema in released.items():
        if name not in current:
            found.append(f"{name}: released, and now gone; old versions stay readable")
            continue
        only_the_hub_reads = name in CONTRACTS and CONTRACTS[name].received_by in ("hub", "hub services")
        found += [f"{name}: {what}" for what in breaks(schema, current[name], only_the_hub_reads=only_the_hub_reads)]
    return found


def find_stale(released: Mapping[str, Schema], current: Mapping[str, Schema]) -> list[str]:
    """Name every published file that does not say what the models say, one line each."""
    stale = [
        f"{name}: changed and not published; run `python -m contracts generate`"
        for name in current
        if released.get(name) != current[name]
    ]
    if not catalogue.FILE.exists() or catalogue.FILE.read_text() != catalogue.as_text():
        stale.append(f"{catalogue.FILE.name}: out of date; run `python -m contracts generate`")
    if exports.FILE.read_text() != exports.as_text():
        stale.append(f"{exports.FILE.name}: out of date; run `python -m contracts generate`")
    return stale


def publish(current: Mapping[str, Schema]) -> None:
    """Write every schema, the catalogue, and what the package offers."""
    schemas.FOLDER.mkdir(exist_ok=True)
    for name, schema in current.items():
        (schemas.FOLDER / f"{name}.json").write_text(schemas.as_text(schema))
    catalogue.FILE.write_text(catalogue.as_text())
    exports.FILE.write_text(exports.as_text())


def _schemas_of_revision(revision: str) -> dict[str, Schema]:
    """Read the schemas as a git revision holds them."""
    archive = subprocess.run(["git", "archive", revision, "."], cwd=schemas.FOLDER, check=False, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"git has no schemas of revision {revision}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        return {
            Path(member.name).stem: json.load(content)
            for member in files
            if member.name.endswith(".json") and (content := files.extractfile(member))
        }


if __name__ == "__main__":
    sys.exit(main())
