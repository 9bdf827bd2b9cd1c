"""`halfspaces gradcheck`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halfspaces.cli.options import OverwriteOption, PluginOption

if TYPE_CHECKING:
    from halfspaces.gradcheck import Diagnosis
    from halfspaces.plots.display import Display

PlotOption = Annotated[Path | None, typer.Option(help="Write a picture: .svg, .png or .pdf.")]


def gradcheck(
    function: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE.py:NAME]",
            help="A loss of yours: it returns (value, gradient) and takes W, or W, X, y and reg. "
            "W, X, y and reg of the file are used, others are made up.",
        ),
    ] = None,
    gradient: Annotated[
        str | None,
        typer.Option(help="The name of the gradient, if the loss returns its value alone."),
    ] = None,
    show: Annotated[
        bool,
        typer.Option(
            "--show", help="Show the numerical gradient: each coordinate + h, the loss, the slope."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON.")] = False,
    samples: Annotated[
        int, typer.Option(min=1, help="Coordinates of each array that are checked one by one.")
    ] = 200,
    tolerance: Annotated[
        float | None, typer.Option(help="Relative error that is ignored; chosen by the types.")
    ] = None,
    plot_errors: PlotOption = None,
    plot_steps: PlotOption = None,
    overwrite: OverwriteOption = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the random problem.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the reports in full.")] = False,
    plugin: PluginOption = None,
) -> None:
    """Check a gradient and name the likely bug; without FILE.py:NAME, those of every registered
    loss and penalty.

    Exit codes: 0 right, 1 wrong, 2 the check could not be made, 3 cannot tell.
    """
    from halfspaces.cli import gradient_report, report
    from halfspaces.files.outputs import Input, Output, check_outputs
    from halfspaces.plots.figure import check_format

    if function is None:
        _check_alone(gradient, json, plot_errors, plot_steps)
        if show:
            gradient_report.show_worked_example()
        elif not report.gradient_checks(seed, verbose=verbose):
            raise typer.Exit(1)
        return
    from halfspaces.cli.module_function import blamed, load_function

    plots = {"--plot-errors": plot_errors, "--plot-steps": plot_steps}
    outputs = [Output(path, "plot", flag) for flag, path in plots.items() if path is not None]
    for output in outputs:
        check_format(output.path)
    loaded = load_function(function, gradient)
    check_outputs(outputs, [Input(loaded.path, "FILE.py")], overwrite=overwrite)
    if show:
        gradient_report.show_slopes(loaded, seed)
        return
    with blamed(loaded.path):
        diagnosis = loaded.diagnosed(samples=samples, tolerance=tolerance, seed=seed)
    if json:
        from halfspaces.cli.screen import print_json

        print_json(diagnosis.to_dict())
    else:
        gradient_report.show_diagnosis(diagnosis)
    if plot_errors is not None:
        _draw(_errors(diagnosis), plot_errors, quiet=json)
    if plot_steps is not None:
        _draw(_steps(diagnosis, seed), plot_steps, quiet=json)
    raise typer.Exit(diagnosis.exit_code)


def _check_alone(
    gradient: str | None, json: bool, plot_errors: Path | None, plot_steps: Path | None
) -> None:
    given = {
        "--gradient": gradient,
        "--json": json or None,
        "--plot-errors": plot_errors,
        "--plot-steps": plot_steps,
    }
    for option, value in given.items():
        if value is not None:
            raise ValueError(f"{option} is for a function of yours: give FILE.py:NAME, too.")


def _errors(diagnosis: "Diagnosis") -> "Display":
    from halfspaces.gradcheck import GradientErrorsDisplay

    return GradientErrorsDisplay.from_diagnosis(diagnosis)


def _steps(diagnosis: "Diagnosis", seed: int) -> "Display":
    from halfspaces.gradcheck import GradientStepsDisplay

    subject = diagnosis.subject
    if subject is None or not diagnosis.parts:
        raise ValueError(f"No coordinate was checked: {diagnosis.hint}")
    return GradientStepsDisplay.from_function(subject.f, subject.gradient, subject.W, seed=seed)


def _draw(display: "Display", path: Path, *, quiet: bool) -> None:
    from halfspaces.cli import report
    from halfspaces.system.atomic import write_whole

    write_whole(path, display.content(path.suffix.lower()))
    if not quiet:
        report.seen(display.alt)
        report.plotted(path)
