"""Run the console examples of README and of pages in docs, and replace their output.

    python docs/run_examples.py [folder of data]

They run in a folder of links to the data and to docs/examples, so the files that they save are
removed afterwards. A check of a gradient or an exercise ends with 1 if it is wrong. An output that
differs only in its seconds is left as it was.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAMES = ("getting-started", "gradient-check", "probes", "decide", "labels", "course")
PAGES = (ROOT / "README.md", *(DOCS / f"{name}.md" for name in NAMES))
EXAMPLE = re.compile(
    r"(<!-- executed by docs/run_examples\.py -->\n```console\n)(.*?)(```)", re.DOTALL
)
COMMAND = re.compile(r"\$ (.+)\n((?:(?!\$ ).*\n)*)")
SECONDS = re.compile(r"\b\d+\.\d+ s\b")


def run(command: str, folder: str) -> str:
    """The command's output, as wide as a page."""
    environment = os.environ | {"COLUMNS": "110"}
    words = [sys.executable, "-m", "halfspaces", *command.removeprefix("halfspaces ").split()]
    if not command.startswith("halfspaces "):
        words = command.split()
    ended = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode not in ((0, 1) if {"gradcheck", "course"} & set(words) else (0,)):
        raise SystemExit(f"{command} ended with {ended.returncode}: {ended.stderr}")
    output = ended.stdout
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n" if output else ""


def renewed(example: re.Match[str], data: Path) -> str:
    """The example, one command or several in the same folder, with new output."""
    start, body, end = example.groups()
    with tempfile.TemporaryDirectory() as folder:
        for entry in (*data.iterdir(), *(DOCS / "examples").iterdir()):
            Path(folder, entry.name).symlink_to(entry.resolve())
        outputs = [
            (command, run(command, folder), before) for command, before in COMMAND.findall(body)
        ]
    return (
        start
        + "".join(f"$ {command}\n{_chosen(output, before)}" for command, output, before in outputs)
        + end
    )


def _chosen(output: str, before: str) -> str:
    return before if SECONDS.sub("", output) == SECONDS.sub("", before) else output


def main() -> None:
    """Replace the output of every marked example."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared" / "data")
    for page in PAGES:
        text = EXAMPLE.sub(lambda example: renewed(example, data), page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
