"""`python -m benchmarks`: the benchmarks that need no Inception graph, each in its own process."""

import subprocess
import sys

from benchmarks import measure

ALL = (
    "stage1_28",
    "stage1_32",
    "stage1_64",
    "stage2",
    "sampling",
    "start_and_memory",
    "profile_step",
    "growth",
)


def main() -> None:
    """Runs them in turn; says which failed."""
    options = measure.parser(__doc__, rounds=None).parse_args()
    flags = ["--device", options.device]
    flags += ["--rounds", str(options.rounds)] if options.rounds else []
    commands = {name: [sys.executable, "-m", f"benchmarks.{name}", *flags] for name in ALL}
    failed = [name for name, command in commands.items() if subprocess.run(command).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
