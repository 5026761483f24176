"""Run benchmarks: ``python -m tests.benchmarks [NAME …] [--json] [--full] [--SIZE=NUMBER]``; no name means all.

Each module here with a ``main(arguments)`` is one benchmark. It measures its subject and its baseline in the same run,
several times in turn, and ends with ``bench-NAME ratio=R value=V unit=U baseline=B`` (medians).
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import tests.benchmarks


def names() -> list[str]:
    """List the benchmarks."""
    found = pkgutil.iter_modules(tests.benchmarks.__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, each in a process of its own when there are several."""
    options = [argument for argument in arguments if argument.startswith("-")]
    wanted = [argument for argument in arguments if not argument.startswith("-")] or names()
    if unknown := set(wanted) - set(names()):
        print(f"No benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names())}.", file=sys.stderr)
        return 2
    if len(wanted) == 1:
        module = importlib.import_module(f"tests.benchmarks.{wanted[0]}")
        return int(module.main(options) or 0)
    command = [sys.executable, "-m", "tests.benchmarks"]
    return max(subprocess.run([*command, name, *options], check=False).returncode for name in wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
