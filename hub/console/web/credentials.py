"""Passwords, PINs, codes of an authenticator, and codes that are handed over or written down."""

import hashlib
import io
import itertools
import secrets
import time
import unicodedata
from collections.abc import Sequence
from typing import Final

import pyotp
import segno
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Argon2id as OWASP asks for at least; two at a time (shell.py), so that a flood of attempts costs 40 MiB and no more.
HASHER: Final = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200  # characters; what is longer is not hashed
FEWEST_DIFFERENT: Final = 5  # characters of a password
PIN_DIGITS: Final = 6
RECOVERY_CODES: Final = 10
ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without 0, 1, I, O: codes are read aloud
STEP: Final = 30  # seconds of one code of an authenticator
STEPS: Final = (0, -1, 1)  # of which it is taken: clocks of telephones are not exact
ISSUER: Final = "Ruta"

# What is compared where nobody has this name, so that it takes as long; nobody knows the password.
NOBODYS_HASH: Final = HASHER.hash(secrets.token_urlsafe(32))
NOBODYS_SECRET: Final = pyotp.random_base32()


def hashed(secret: str) -> str:
    """Hash a password or a PIN, to be kept."""
    return HASHER.hash(_normal(secret))


def is_right(hash: str, secret: str) -> bool:
    """Whether it is the password, or the PIN, of this hash."""
    try:
        return HASHER.verify(hash, _normal(secret[:LONGEST_PASSWORD]))
    except (VerificationError, InvalidHashError):
        return False


def _normal(secret: str) -> str:
    return unicodedata.normalize("NFKC", secret)


def is_weak_password(password: str, login: str) -> bool:
    """Whether a password is too short, too long, or too easily guessed."""
    return (
        not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD
        or len(set(password)) < FEWEST_DIFFERENT
        or login in password.lower()
    )


def is_weak_pin(pin: str) -> bool:
    """Whether a PIN is none, one digit again and again, or digits in a row."""
    if not (len(pin) == PIN_DIGITS and pin.isascii() and pin.isdigit()):
        return True
    steps = {int(after) - int(before) for before, after in itertools.pairwise(pin)}
    return steps in ({0}, {1}, {-1})


def new_totp_secret() -> str:
    """A secret for an authenticator, in base 32."""
    return pyotp.random_base32()


def totp_step(secret: str, code: str, *, at: float | None = None) -> int | None:
    """The step whose code this is, for the steps about now; None where it is none. Takes as long for every code."""
    now = int(at if at is not None else time.time())
    said = "".join(code.split())
    totp = pyotp.TOTP(secret)
    steps = [now // STEP + step for step in STEPS]
    right = [step for step in steps if secrets.compare_digest(totp.at(step * STEP).encode(), said.encode())]
    return right[0] if right else None


def totp_qr(secret: str, login: str) -> bytes:
    """A picture (SVG) of what an authenticator reads from the screen."""
    address = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(out, kind="svg", scale=6, light="#fff")
    return out.getvalue()


def new_code(groups: int) -> str:
    """A code to be handed over or written down, `ABCD-EFGH-…`: 20 bits in each group."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(groups))


def code_digest(code: str) -> bytes:
    """What is known of such a code, however it is typed: it is random enough for a plain hash."""
    return hashlib.sha256(normal_code(code).encode()).digest()


def normal_code(code: str) -> str:
    """A code without what is only for the eye."""
    return "".join(one for one in code.upper() if one in ALPHABET)


def new_recovery_codes() -> Sequence[str]:
    """Codes that each open once in place of the authenticator's."""
    return [new_code(3) for _ in range(RECOVERY_CODES)]
