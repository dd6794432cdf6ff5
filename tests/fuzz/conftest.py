"""Says how many inputs the tests of this folder got."""

import fuzzing


def pytest_terminal_summary(terminalreporter):
    for name, count in sorted(fuzzing.COUNTS.items()):
        terminalreporter.write_line(f"{count:>8,} inputs  {name}")
    if fuzzing.COUNTS:
        terminalreporter.write_line(f"{sum(fuzzing.COUNTS.values()):>8,} inputs in all")
