"""`halfspaces course`: exercises, checked by their students and graded by their teachers."""

from pathlib import Path
from typing import Annotated

import typer

from halfspaces.cli.examples import epilog
from halfspaces.cli.options import JsonOption, OverwriteOption, help_alone
from halfspaces.system.words import DEFAULT

app = typer.Typer(
    invoke_without_command=True,
    callback=help_alone,
    help="Exercises on losses and optimization: write stubs, check work, grade a class.",
)
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write into.")]
NotebooksOption = Annotated[
    bool, typer.Option("--notebooks", help="Write notebooks in place of Python files.")
]
LanguageOption = Annotated[str, typer.Option(help="Of all texts: en, zh or ko.")]
OwnLanguageOption = Annotated[
    str | None, typer.Option("--language", help="Of the verdicts: en, zh or ko; that of the stub.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, help="Of the hidden data: choose your own for each course.")
]
ExerciseOption = Annotated[
    str | None, typer.Option(help="The exercise, where a file does not say which it is.")
]
SecondsOption = Annotated[int, typer.Option(min=1, help="Of the processor, for each process.")]
MemoryOption = Annotated[int, typer.Option(min=256, help="Megabytes that a hand-in may use.")]


@app.command(epilog=epilog("course new"))
def new(
    folder: FolderArgument,
    language: LanguageOption = DEFAULT,
    notebooks: NotebooksOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Write the exercises for students: stubs and a README, without solutions."""
    from halfspaces.cli import course_report

    course_report.write_course(
        folder, language, solutions=False, notebooks=notebooks, overwrite=overwrite
    )


@app.command(epilog=epilog("course solutions"))
def solutions(
    folder: FolderArgument,
    language: LanguageOption = DEFAULT,
    notebooks: NotebooksOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Write the exercises with their solutions, for teachers."""
    from halfspaces.cli import course_report

    course_report.write_course(
        folder, language, solutions=True, notebooks=notebooks, overwrite=overwrite
    )


@app.command(epilog=epilog("course check"))
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Python files, notebooks or folders.")
    ],
    language: OwnLanguageOption = None,
    exercise: ExerciseOption = None,
    json: JsonOption = False,
    seed: SeedOption = 0,
    seconds: SecondsOption = 10,
    memory: MemoryOption = 1024,
) -> None:
    """Check exercises: what is right, what is wrong, where, and what to look at.

    Exit codes: 0 all right, 1 something is wrong or not done yet, 2 nothing can be checked.
    """
    from halfspaces.cli import course_report
    from halfspaces.course.process import Limits

    limits = Limits(seconds, memory)
    course_report.check_names(language, exercise)
    paths = course_report.files_to_check(files)
    checked = course_report.checked(paths, seed, limits, exercise)
    course_report.show_checked(checked, language, as_json=json)
    if any(each.outcome != "right" for each in checked):
        raise typer.Exit(1)


@app.command(epilog=epilog("course grade"))
def grade(
    folder: Annotated[
        Path, typer.Argument(help="A file or a folder for each student, named as the student.")
    ],
    csv: Annotated[Path | None, typer.Option(help="Write a row for each student here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all verdicts here.")] = None,
    language: LanguageOption = DEFAULT,
    exercise: ExerciseOption = None,
    seed: SeedOption = 0,
    seconds: SecondsOption = 10,
    memory: MemoryOption = 1024,
    jobs: Annotated[int, typer.Option(min=1, help="Hand-ins at a time.")] = 2,
    overwrite: OverwriteOption = False,
) -> None:
    """Grade a class: each hand-in in a process of its own, with limits.

    It is no sandbox: run it in a container if you do not know who wrote the hand-ins.
    Exit codes: 0 all hand-ins are graded, 2 nothing can be graded.
    """
    from halfspaces.cli import course_report
    from halfspaces.course.marks import grade, hand_ins
    from halfspaces.course.process import Limits
    from halfspaces.files.outputs import Input, Output, check_outputs
    from halfspaces.system import interrupts
    from halfspaces.system.progress import Bar

    course_report.check_names(language, exercise)
    students = hand_ins(folder)
    paths = [path for own in students.values() for path in own]
    given = {"--csv": csv, "--json": json}
    outputs = [Output(path, "marks", flag) for flag, path in given.items() if path is not None]
    check_outputs(outputs, [Input(path, "the hand-in") for path in paths], overwrite=overwrite)
    interrupts.work_begins()
    with Bar("grading", len(paths), "hand-ins") as bar:
        marks = grade(
            students,
            seed=seed,
            limits=Limits(seconds, memory),
            exercise=exercise,
            jobs=jobs,
            done=bar.advance,
        )
    course_report.write_marks(marks, language, exercise, seed, csv=csv, json=json)
