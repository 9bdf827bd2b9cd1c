"""Run the README's console examples again and put their output in: `python docs/run_examples.py [folder of data]`."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(r"(<!-- executed by docs/run_examples\.py -->\n```console\n\$ (.+)\n)(?:.*\n)*?(```)")


def run(command: str, folder: Path) -> str:
    """The command's output, as wide as a page."""
    environment = os.environ | {"COLUMNS": "110"}
    words = [sys.executable, "-m", "halfspaces.cli", *command.removeprefix("halfspaces ").split()]
    output = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n"


def main() -> None:
    """Replace the output of every marked example."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared" / "data")
    readme = ROOT / "README.md"
    text = EXAMPLE.sub(lambda match: match[1] + run(match[2], folder) + match[3], readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
