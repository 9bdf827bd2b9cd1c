"""Mutated run files and checkpoints: a value, or one sentence of one line.

`python -m tests.fuzz.settings 2000` tries so many of each; the tests a hundred.
"""

import copy
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from halfspaces import minimize
from halfspaces.cli.recipe import recipe_of
from halfspaces.files import run_file, safetensors_file
from halfspaces.files.checkpoint import RUN, SUFFIX, Checkpoint
from halfspaces.optimizers import LBFGS
from halfspaces.system.atomic import FileError
from halfspaces.system.errors import shown
from halfspaces.testing.runs import small_objective
from tests.fuzz.limits import limited
from tests.fuzz.model_file import PALETTE, _places

TEXT = """format = 1
[data]
data = "digits"
label = 'y'
[features]
features = "hog+hue"
shift = 2
[loss]
loss = "hinge"
margin = 0.5
[penalty]
penalty = "elastic_net"
beta = 1.5
[strength]
strengths = "1,0.1"
folds = 3
[optimizer]
tol = 0.01
max_passes = 100.0
seed = 3
[fit]
standardize = false
[made]
rows = {shape = [3, 2], dtype = "float64"}
"""
LITERALS = (
    *("-1", "0", "1e400", "1" + "0" * 400, "nan", "inf", "true", '""', "[]", "{}", "'a'"),
    *('"999999999"', '"1,x"', '"\\u001b[31m"', "1979-05-27", "[" * 90 + "]" * 90, "{a = 1}"),
    *("[" * 5000, '"hog(cell=0)"', '"words(of=' * 40, "0x7fffffffffffffff", '"find"', "9e99"),
)
Limit = Callable[[str], AbstractContextManager[None]]


def run_files(rng: random.Random) -> Iterator[str]:
    """Texts of run files with other values, lines and characters."""
    while True:
        lines = list[str](TEXT.splitlines())
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(lines))
            key, _, value = lines[place].partition(" = ")
            way = rng.randrange(4)
            if way == 0 and value:
                lines[place] = f"{key} = {rng.choice(LITERALS)}"
            elif way == 1:
                lines.insert(place, rng.choice(lines))
            elif way == 2:
                cut = rng.randrange(len(lines[place]) + 1)
                other = rng.choice(("", ".", "[", '"', "\0", "é", "=", "a.", "\n"))
                lines[place] = lines[place][:cut] + other + lines[place][cut + 1 :]
            else:
                del lines[place]
                lines.append("")
        yield "\n".join(lines)


def read_run_file(text: str) -> None:
    """A run file becomes a search or a classifier, as at the start of a training."""
    run_file.trained_on(text)
    recipe = recipe_of(run_file.loads(text, "given.run.toml"))
    recipe.search() if recipe.chooses_strength else recipe.classifier()


def checkpoints(folder: Path, rng: random.Random) -> Iterator[None]:
    """A checkpoint in the folder, again and again with other values and a right checksum."""
    whole = Checkpoint(folder, every=0)
    minimize(OBJECTIVE, LBFGS(), max_passes=6, callbacks=[whole])
    path = folder / f"{RUN}{SUFFIX}"
    content = path.read_bytes()
    while True:
        path.write_bytes(content)
        tensors, metadata = safetensors_file.read(path)
        for _ in range(rng.choice((1, 1, 2))):
            places = list(_places(metadata["value"]))
            node, key = rng.choice(places)
            other, part = rng.choice(places)
            array = {"array": rng.choice(list(tensors))}
            node[key] = copy.deepcopy(rng.choice((*PALETTE, other[part], array)))
        try:
            safetensors_file.write(path, tensors, metadata)
        except safetensors_file.ModelFileError:
            continue  # no JSON
        yield


OBJECTIVE = small_objective()


def resume(folder: Path) -> None:
    """Go on with a stored run, for a turn."""
    stored = Checkpoint(folder).run(OBJECTIVE, LBFGS())
    if stored is not None:
        assert stored.W.shape == OBJECTIVE.zeros(1).shape


def ends_well(what: str, do: Callable[[], Any], limit: Limit) -> bool:
    """Whether a value came out; otherwise one sentence did."""
    with limit(what):
        try:
            do()
        except (ValueError, TypeError) as error:
            of_file = isinstance(error, FileError)
            words = str(error) if of_file else shown(str(error))  # as the command line prints it
        else:
            return True
    assert words.isprintable(), f"{what}: {words!r}"
    assert words.endswith((".", "?")), f"{what}: {words}"
    return False


def fuzz(count: int, folder: Path, seed: int = 0, limit: Limit = nullcontext) -> dict[str, int]:
    """The number of run files and of checkpoints, of `count` each, that gave a value."""
    rng = random.Random(seed)
    texts, stored = run_files(rng), checkpoints(folder, rng)
    values = {"run files": 0, "checkpoints": 0}
    for number in range(count):
        text = next(texts)
        about = f"run file {number} of seed {seed}"
        values["run files"] += ends_well(about, lambda text=text: read_run_file(text), limit)
        next(stored)
        about = f"checkpoint {number} of seed {seed}"
        values["checkpoints"] += ends_well(about, lambda: resume(folder), limit)
    return values


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        print(fuzz(int(sys.argv[1]), Path(place), limit=limited))
