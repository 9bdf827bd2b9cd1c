"""`halfspaces export`."""

from pathlib import Path
from typing import Annotated

import typer

from halfspaces.cli.options import ModelArgument, OverwriteOption, PluginOption

EXPORTS = {
    "onnx": "ONNX model",
    "torch": "file of torch weights",
    "sklearn": "code",
    "numpy": "code",
    "csv": "table",
}  # kinds of outputs


def export(
    model: ModelArgument,
    to: Annotated[
        str,
        typer.Option(
            help="onnx, torch (weights as .safetensors), sklearn or numpy (Python code), "
            "csv (coefficients by name)."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here; code and csv are shown unless given.")
    ] = None,
    overwrite: OverwriteOption = False,
    plugin: PluginOption = None,
) -> None:
    """Export a saved model to another library; its labels and probabilities stay the same, and no
    pickle is written.
    """
    import halfspaces
    from halfspaces.cli import report, screen
    from halfspaces.files import export as exporting
    from halfspaces.files.outputs import Input, Output, beside, check_outputs, plugins
    from halfspaces.system.atomic import write_whole
    from halfspaces.system.names import check_name

    check_name("to", to, exporting.SUFFIXES)
    suffix = exporting.SUFFIXES[to]
    output = None
    if out is not None:
        output = Output(out, EXPORTS[to])
    elif suffix is not None:
        output = Output(beside(model, suffix), EXPORTS[to], "The export")
    if output is not None:
        inputs = [Input(model, "the model"), *plugins(plugin)]
        check_outputs([output], inputs, overwrite=overwrite)
    classifier = halfspaces.load(model)
    content = exporting.exported(classifier, to, model=model)
    if output is None:
        with screen.results() as stream:
            stream.write(content.decode())
        return
    write_whole(output.path, content)
    report.exported(to, output.path)
    if to == "onnx":
        report.replaced(exporting.replaced(classifier))
