"""A day at the centre: five organisations exchange referrals through the network, which proves that none was lost."""

from pathlib import Path


def main(*, once: bool = False, json_file: Path | None = None, small: bool = False) -> int:
    """Run the demo and return its exit code; see `demo.run`."""
    from demo import run  # an organisation's process imports this package too, and needs none of it

    return run.main(once=once, json_file=json_file, small=small)
