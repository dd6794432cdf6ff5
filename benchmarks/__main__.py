"""Runs every benchmark that needs no Inception graph, each in a process of its own.

python -m benchmarks [--device gpu] [--rounds N]
"""

import subprocess
import sys

from benchmarks import measure

ALL = ("training_step", "sampling", "start_and_memory", "profile_step", "growth")


def main() -> None:
    """Runs them one after the other and names those that failed."""
    options = measure.parser(__doc__, rounds=None).parse_args()
    flags = ["--device", options.device]
    flags += ["--rounds", str(options.rounds)] if options.rounds else []
    commands = {name: [sys.executable, "-m", f"benchmarks.{name}", *flags] for name in ALL}
    failed = [name for name, command in commands.items() if subprocess.run(command).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
