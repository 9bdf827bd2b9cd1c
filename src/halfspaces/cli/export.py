"""`halfspaces export`."""

from pathlib import Path
from typing import Annotated

import typer

from halfspaces.cli.options import ModelArgument, PluginOption


def export(
    model: ModelArgument,
    to: Annotated[
        str,
        typer.Option(help="onnx, torch (weights as .safetensors), sklearn or numpy (Python code)."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here; code is shown unless given.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Export a saved model to another library; its labels and probabilities stay the same, and no
    pickle is written.
    """
    import halfspaces
    from halfspaces.cli import report, values
    from halfspaces.files import export as exporting
    from halfspaces.files.atomic import write_whole

    values.check_out(out)
    content = exporting.exported(halfspaces.load(model), to, model=model)
    suffix = exporting.SUFFIXES[to]
    if out is None and suffix is None:
        typer.echo(content.decode(), nl=False)
        return
    path = model.with_suffix(suffix or ".py") if out is None else out
    write_whole(path, content)
    report.exported(to, path)
