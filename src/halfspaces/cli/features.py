"""`halfspaces features`: features of images, listed and drawn."""

from pathlib import Path
from typing import Annotated

import typer

from halfspaces.cli.examples import epilog
from halfspaces.cli.options import OverwriteOption, PluginOption, help_alone

app = typer.Typer(
    invoke_without_command=True,
    callback=help_alone,
    help="Features of images: the words of train --features, and pictures.",
)


@app.command("list", epilog=epilog("features list"))
def list_all(plugin: PluginOption = None) -> None:
    """List the words of train --features and what each describes."""
    import inspect

    from rich.table import Table
    from rich.text import Text

    from halfspaces.cli.screen import console_for_lists
    from halfspaces.features import FEATURES

    table = Table(box=None, pad_edge=False, show_header=False)
    for word, kind in FEATURES.items():
        table.add_row(
            word, Text((inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " "))
        )
    console = console_for_lists()
    console.print(table)
    console.print(
        "[dim]With options and side by side: hog(cell=4)+hue(bins=12); see docs/features.md.[/]"
    )


@app.command(epilog=epilog("features show"))
def show(
    image: Annotated[
        Path,
        typer.Argument(
            help="An image, or a model (.safetensors) whose learned patches or words are drawn."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Write here: .png, .svg or .pdf.")],
    features: Annotated[
        str, typer.Option(help="Words as for train: hog, hue, colors, lbp, words, textons, pixels.")
    ] = "hog+hue",
    image_size: Annotated[
        str | None, typer.Option(help="Resize the image to this: a side, or HEIGHTxWIDTH.")
    ] = None,
    overwrite: OverwriteOption = False,
    plugin: PluginOption = None,
) -> None:
    """Draw what features see in an image, or what a model's features have learned."""
    import halfspaces
    from halfspaces import datasets
    from halfspaces.cli import report as shown
    from halfspaces.cli import values
    from halfspaces.features import parse
    from halfspaces.files.models import features_of
    from halfspaces.files.outputs import Input, Output, check_outputs, plugins
    from halfspaces.plots.features import plot_features, size_of
    from halfspaces.plots.figure import check_format, content_of
    from halfspaces.plots.vocabulary import plot_vocabulary
    from halfspaces.system.atomic import write_whole

    check_format(out)
    inputs = [Input(image, "the image"), *plugins(plugin)]
    check_outputs([Output(out, "plot")], inputs, overwrite=overwrite)
    if image.suffix == ".safetensors":
        feature = features_of(halfspaces.load(image))
        figure = plot_vocabulary(feature, image.name)
    else:
        size = values.image_size(image_size) or size_of(image)
        (pixels, *more) = datasets.open_images(str(image), image_size=size)
        if more:
            raise ValueError(f"{image} holds {len(more) + 1:,} images; give one of them.")
        figure = plot_features(parse(features), pixels)
    write_whole(out, content_of(figure, out))
    shown.plotted(out)
