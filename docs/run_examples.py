"""Run the README's console examples again and put their output in: `python docs/run_examples.py [folder of data]`.

They run in a folder of links to the data, so that what they save is gone afterwards. An output that differs in
nothing but its seconds stays as it was.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(r"(<!-- executed by docs/run_examples\.py -->\n```console\n\$ (.+)\n)((?:.*\n)*?)(```)")
SECONDS = re.compile(r"\b\d+\.\d+ s\b")


def run(command: str, data: Path) -> str:
    """The command's output, as wide as a page."""
    environment = os.environ | {"COLUMNS": "110"}
    words = [sys.executable, "-m", "halfspaces.cli", *command.removeprefix("halfspaces ").split()]
    with tempfile.TemporaryDirectory() as folder:
        for entry in data.iterdir():
            Path(folder, entry.name).symlink_to(entry.resolve())
        output = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n"


def renewed(example: re.Match[str], data: Path) -> str:
    """The example with its output of today."""
    start, command, before, end = example.groups()
    output = run(command, data)
    same = SECONDS.sub("", output) == SECONDS.sub("", before)
    return start + (before if same else output) + end


def main() -> None:
    """Replace the output of every marked example."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared" / "data")
    readme = ROOT / "README.md"
    text = EXAMPLE.sub(lambda example: renewed(example, data), readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
