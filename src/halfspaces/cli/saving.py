"""What `halfspaces train` will write, checked before it starts, and what Ctrl-C leaves of it."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halfspaces.cli.holding_out import HeldOutRows
from halfspaces.cli.html_report import check_format
from halfspaces.cli.recipe import Recipe
from halfspaces.files.options import STRENGTHS
from halfspaces.files.outputs import (
    Input,
    ModelFiles,
    Output,
    check_model_name,
    check_outputs,
    is_same,
    model_files,
    plugins,
)


@dataclass
class Interrupt:
    """Whether Ctrl-C came; what follows the block that it ended is still done."""

    came: bool

    @contextmanager
    def ends_block(self) -> Iterator[None]:
        """A context that a KeyboardInterrupt leaves, and nothing more."""
        try:
            yield
        except KeyboardInterrupt:
            self.came = True


def planned_files(recipe: Recipe) -> ModelFiles | None:
    """The files of the model, once it is checked that nothing is lost; None without --out."""
    files = None
    outputs: list[Output] = []
    if recipe.out is not None:
        check_model_name(recipe.out)
        files = model_files(recipe.out)
        outputs += _outputs(recipe, files)
    if recipe.report is not None:
        check_format(recipe.report, recipe.language)
        outputs.append(Output(recipe.report, "report", "--report"))
    inputs = [Input(Path(recipe.data), "the data"), *plugins(recipe.plugin)]
    if recipe.run is not None and not any(
        output.is_own() and is_same(output.path, recipe.run) for output in outputs
    ):
        inputs.append(Input(recipe.run, "--run"))
    check_outputs(outputs, inputs, overwrite=recipe.overwrite)
    return files


def _outputs(recipe: Recipe, files: ModelFiles) -> list[Output]:
    """The model and the files beside it."""
    checkpoint = recipe.stored_run
    if checkpoint is not None and checkpoint.may_write(files.model):
        raise ValueError(
            f"--out {files.model} is a file of --checkpoint {recipe.checkpoint}, which is removed "
            "when the run has ended; give another name."
        )
    outputs = [
        Output(files.model, "model"),
        Output(files.run_file, "run file", "The run file"),
        Output(files.history, "history", "The history"),
    ]
    if recipe.holds_out and importlib.util.find_spec("matplotlib") is not None:
        outputs.append(Output(files.plot, "plot", "The plot"))
    return outputs


def run_options(recipe: Recipe, held_out: HeldOutRows | None) -> dict[str, Any]:
    """The recipe's options for its run file, with the defaults used to choose λ written out."""
    options = recipe.model_dump()
    if recipe.chooses_strength:
        options["strengths"] = recipe.strengths or str(STRENGTHS)
    if held_out is not None:
        options["validation"] = held_out.part
    # Stored only if set: they need other options.
    for name in ("local", "flip", "adaptive_l2", "fractional_pooling"):
        options[name] = options[name] or None
    return options
