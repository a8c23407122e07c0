"""The command line of formats: try a translation on a file; what cannot be translated ends in one sentence."""

import json
import os
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from cyclopts import App, CycloptsError, Parameter

import contracts
from contracts.fields import Model

from .reading import MAX_BYTES, Fault, Json, Translation, Untranslatable, read_json, refuse
from .refusals import REFUSALS

# What a format needs is imported when it is asked for: the FHIR models alone take a third of a second.

app = App(
    name="ruta translate",
    help="Translate between the network's messages and other people's formats. Without FILE they read standard input.",
    version_flags=[],
    help_on_error=False,
)
File = Annotated[str, Parameter(help="a JSON file; standard input without one")]


@app.command
def fhir_from(file: File = "-") -> None:
    """FHIR R4 to the network: a Bundle or a ServiceRequest is a request, a Task the next step of a referral."""
    from . import fhir_reading

    document = _read(file)
    read = fhir_reading.fhir_to_step if document.get("resourceType") == "Task" else fhir_reading.fhir_to_referral
    _show([_said(_translated(read(document)))])


@app.command
def fhir_to(
    file: File = "-", *, status: Annotated[str | None, Parameter(help="the latest referral.status of it")] = None
) -> None:
    """The network to FHIR R4: a request or an offer is a Bundle, a status or a step a Task."""
    from . import fhir, fhir_codes

    message = _message(file)
    if isinstance(message.data, contracts.ReferralRequested | contracts.ReferralOffered):
        latest = _message(status).data if status else None
        if latest is not None and not isinstance(latest, contracts.ReferralStatus):
            refuse("not_a_status", "type")
        _show(fhir.referral_to_fhir(message.data, latest, sender=message.source, asked_at=message.time))
    elif isinstance(message.data, contracts.ReferralStatus):
        _show(fhir.status_to_fhir(message.data))
    elif any(isinstance(message.data, step) for _, step, _, _ in fhir_codes.STEPS):
        _show(fhir.step_to_fhir(message.data, said_by=message.source, said_at=message.time))
    else:
        refuse("no_such_thing_in_fhir", "type")


@app.command
def primero_from(
    file: File = "-",
    *,
    consent: Annotated[UUID, Parameter(help="the consent that the person has given")],
    words: Annotated[Path | None, Parameter(help="what your Primero's words mean: a TOML file")] = None,
) -> None:
    """A case of Primero v2 to the network: what to say once each block is sealed to the organisation it names."""
    from . import primero

    own = _words(words) if words else {}
    drafts = _translated(primero.case_to_drafts(_read(file), consent_id=consent, words=primero.words_with(own)))
    _show([_draft(one) if isinstance(one, primero.Unsealed) else _said(one) for one in drafts])


@app.command
def primero_to(
    file: File = "-",
    *,
    standing: Annotated[str, Parameter(help="the status of the referral in Primero now")],
    version: Annotated[
        str, Parameter(help="your Primero: 2.16, or success_status where its referrals have that")
    ] = "2.16",
) -> None:
    """A referral.status to Primero v2: the calls that bring its referral there, in order."""
    from . import primero_status

    said = _message(file).data
    if not isinstance(said, contracts.ReferralStatus):
        refuse("not_a_status", "type")
    _show([asdict(call) for call in primero_status.status_to_primero(said, standing=standing, version=version)])


def main(arguments: Iterable[str] | None = None) -> int:
    """Run one command; return 0 when it is done, 1 with a line for each fault when it cannot be."""
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_none")
    except Untranslatable as refusal:
        return _fail(*map(_sentence, refusal.faults))
    except BrokenPipeError:  # nobody reads what is printed any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"The file {error.filename} cannot be read: {error.strerror}.")
    except CycloptsError as error:
        return _fail(" ".join(str(error).split()))
    return 0


def _sentence(fault: Fault) -> str:
    """What is wrong, and what is expected; a message of ours has codes of its own, which say so themselves."""
    return f"This cannot be translated: {fault}{f' ({why})' if (why := REFUSALS.get(fault.code)) else ''}."


def _fail(*sentences: str) -> int:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 1


def _bytes(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as source:
        return source.read(MAX_BYTES + 1)


def _read(file: str) -> Json:
    return read_json(_bytes(file))


def _message(file: str) -> contracts.Message[Any]:
    """Read a message of the network, in the newest version of its contract."""
    try:
        return contracts.upcast(contracts.parse(_bytes(file)))
    except contracts.Invalid as error:
        fault = Fault(error.code, error.where)
    raise Untranslatable(fault)


def _words(file: Path) -> Json:
    with file.open("rb") as source:
        raw = source.read(MAX_BYTES + 1)
    fault = Fault("too_large", "words")
    if len(raw) <= MAX_BYTES:
        try:
            return tomllib.loads(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError):  # what is no TOML, and no UTF-8, is a ValueError
            fault = Fault("not_toml", "words")
    raise Untranslatable(fault)


def _translated(translation: Translation[Any]) -> Any:
    """What was read; what was left out is named beside it."""
    for where in translation.dropped:
        print(f"Dropped: {where}.", file=sys.stderr)
    return translation.data


def _said(data: Model) -> Json:
    """What to say, as an envelope has it; who says it, and when, is the sender's to add."""
    contract = contracts.contract_of(data)
    fields = data.model_dump(mode="json", exclude_none=True)
    return {"type": contract.type, "subject": fields[contract.about or ""], "data": fields}


def _draft(draft: Any) -> Json:
    contract = contracts.contract_of(draft.contract)
    block = draft.block.model_dump(mode="json", exclude_none=True)
    seal: Json = {"to": draft.to, "block": block}
    return {"type": contract.type, "subject": draft.fields[contract.about or ""], "data": draft.fields, "seal": seal}


def _show(written: object) -> None:
    print(json.dumps(written, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    sys.exit(main())
