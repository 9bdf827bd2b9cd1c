"""Make the pictures of docs/pictures.md anew, by the commands that stand in it.

    python docs/pictures.py [folder of data]

A picture whose command fails, or that the page does not show, is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
PAGE = DOCS / "pictures.md"
MODEL = re.compile(r"^\$ (halfspaces train .+)$", re.MULTILINE)
ROW = re.compile(r"\| `(halfspaces (?:plot|gradcheck) .+?)` \| !\[.+?\]\((.+?)\) \|")


def run(command: str, folder: Path, *more: str) -> None:
    """Run a command of the page in a folder."""
    words = [sys.executable, "-m", "halfspaces", *command.split()[1:], *more]
    ended = subprocess.run(words, cwd=folder, env=os.environ | {"COLUMNS": "110"}, check=False)
    # A gradient check ends with 1 if the gradient is wrong.
    if ended.returncode not in ((0, 1) if "gradcheck" in words else (0,)):
        raise SystemExit(f"{command} ended with {ended.returncode}.")


def reduce_colours(path: Path) -> None:
    """Write a picture of pixels again with 256 colours: it is a third as large."""
    picture = Image.open(path).convert("RGB")
    picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main() -> None:
    """Train the models, and draw every picture."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else DOCS.parents[1] / "shared" / "data")
    text = PAGE.read_text(encoding="utf-8")
    (DOCS / "pictures").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in (*data.iterdir(), *(DOCS / "examples").iterdir()):
            (folder / entry.name).symlink_to(entry.resolve())
        for command in MODEL.findall(text):
            run(command, folder)
        for command, picture in ROW.findall(text):
            if " gradcheck " in command:
                run(command, folder, "--overwrite")
                shutil.copy(folder / Path(picture).name, DOCS / picture)
                continue
            run(command, folder, "--out", str(DOCS / picture))
            if picture.endswith(".png"):
                reduce_colours(DOCS / picture)


if __name__ == "__main__":
    main()
