"""`halfspaces gradcheck`."""

from typing import Annotated

import typer

from halfspaces.cli.options import PluginOption


def gradcheck(
    seed: Annotated[int, typer.Option(min=0, help="Of the random problem.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the reports in full.")] = False,
    plugin: PluginOption = None,
) -> None:
    """Check every registered loss and penalty: gradients, proxes, chance-level losses, overfitting
    20 examples.
    """
    from halfspaces.cli import report

    if not report.gradient_checks(seed, verbose=verbose):
        raise typer.Exit(1)
