"""What `halfspaces course` writes and prints."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from halfspaces.cli.report import console, heading, table_of
from halfspaces.cli.screen import console_for_lists, echo, print_json
from halfspaces.cli.terminal import clean
from halfspaces.course.checking import Checked, check
from halfspaces.course.exercises import EXERCISES, course_files
from halfspaces.course.marks import (
    Marks,
    as_csv,
    as_json,
    exercises_of,
    handed_in,
    most_points,
    plain,
    remarks,
)
from halfspaces.course.process import Limits
from halfspaces.course.sources import SUFFIXES
from halfspaces.course.texts import Texts
from halfspaces.files.outputs import Output, check_outputs
from halfspaces.system import interrupts
from halfspaces.system.atomic import FileError, write_whole
from halfspaces.system.names import check_name
from halfspaces.system.words import LANGUAGES

STYLES: Mapping[str, str] = {"right": "green", "wrong": "red", "not done": "yellow"}
MOST_REMARKS = 3  # of a student, on the screen


def check_names(language: str | None, exercise: str | None) -> None:
    """Raise ValueError for an unknown language or exercise."""
    if language is not None:
        check_name("--language", language, LANGUAGES)
    if exercise is not None:
        check_name("--exercise", exercise, EXERCISES)


def write_course(
    folder: Path, language: str, *, solutions: bool, notebooks: bool, overwrite: bool
) -> None:
    """Write the files of a course."""
    check_name("--language", language, LANGUAGES)
    texts = dict(course_files(language, solutions=solutions, notebooks=notebooks))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder} cannot be a folder: {error.strerror}; give another.") from error
    outputs = [Output(folder / name, "exercise", "The file") for name in texts]
    check_outputs(outputs, overwrite=overwrite)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    kind = "exercises with solutions" if solutions else "exercises"
    echo(f"{len(EXERCISES)} {kind} are in {folder}: {', '.join(texts)}")


def files_to_check(files: Iterable[Path]) -> list[Path]:
    """The files, and those of folders.

    Raises
    ------
    FileError
        For what is no Python file, notebook or folder of them.
    """
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = handed_in(path)
            if not inside:
                raise FileError(f"{path} has no .py or .ipynb file; name the files to check.")
            found += inside
        elif not path.is_file():
            raise FileError(f"There is no file {path}; name an exercise, such as svm_loss.py.")
        elif path.suffix not in SUFFIXES:
            raise FileError(f"{path} is no .py or .ipynb file; name an exercise.")
        else:
            found.append(path)
    return found


def checked(
    paths: Iterable[Path], seed: int, limits: Limits, exercise: str | None
) -> list[Checked]:
    """The findings in each file."""
    interrupts.work_begins()
    return [check(path, seed=seed, limits=limits, exercise=exercise) for path in paths]


def show_checked(found: Sequence[Checked], language: str | None, *, as_json: bool) -> None:
    """Print the findings, in the language of the stubs unless another is asked for."""
    if as_json:
        print_json([plain(each, Texts(language or each.language)) for each in found])
        return
    for number, each in enumerate(found):
        if number:
            console.print()
        _show(each, Texts(language or each.language))


def _show(found: Checked, words: Texts) -> None:
    title = f"{found.path.name}: {words.verdict(found.outcome)}"
    points = words["report.points"].format(points=found.points, most=found.most)
    heading(str(clean(f"{title}, {points}" if found.most else title)))
    told: set[str] = set()
    for finding in found.findings:
        place = words.place(found.place(finding))
        name = words.check(finding.check) if finding.check else ""
        where = ", ".join(filter(None, (name, place)))
        verdict = (words.verdict(finding.verdict), STYLES[finding.verdict])
        console.print(Text.assemble("  ", verdict, "  ", clean(where)), soft_wrap=True)
        remark = f"{finding.function}{words.finding(finding)}"
        if finding.remark is not None and remark not in told:
            told.add(remark)
            console.print(Text.assemble("      ", clean(words.finding(finding))), soft_wrap=True)


def write_marks(
    marks: Sequence[Marks],
    language: str,
    exercise: str | None,
    seed: int,
    *,
    csv: Path | None,
    json: Path | None,
) -> None:
    """Print the marks, and write them."""
    words = Texts(language)
    exercises = exercises_of(marks, exercise)
    _table(marks, exercises, words)
    if csv is not None:
        write_whole(csv, as_csv(marks, exercises, words))
    if json is not None:
        write_whole(json, as_json(marks, exercises, words, seed))
    echo(words["report.seed"].format(seed=seed))
    for path in filter(None, (csv, json)):
        echo(f"marks       {path}")


def _table(marks: Sequence[Marks], exercises: Sequence[str], words: Texts) -> None:
    table = table_of("student", *exercises, f"of {most_points(exercises)}")
    for own in marks:
        found = [own.best(name) for name in exercises]
        points = ["–" if each is None else str(each.points) for each in found]
        table.add_row(Text(own.student), *points, str(own.points(exercises)))
    console_for_lists().print(table)
    for own in marks:
        sentences = list(remarks(own, words))
        for sentence in sentences[:MOST_REMARKS]:
            console.print(Text(str(clean(f"{own.student}: {sentence}"))), soft_wrap=True)
        if sentences[MOST_REMARKS:]:
            echo(f"{own.student}: and {len(sentences) - MOST_REMARKS} more")
