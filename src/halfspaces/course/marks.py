"""Grading a class: every hand-in of a folder in a process of its own, and the marks as tables."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from halfspaces.course.checking import Checked, check
from halfspaces.course.exercises import EXERCISES
from halfspaces.course.process import Limits, end_all
from halfspaces.course.sources import SUFFIXES, exercise_by_name
from halfspaces.course.texts import Texts

JOBS = 2
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins so


@dataclass(frozen=True)
class Marks:
    """The hand-ins of one student."""

    student: str
    checked: tuple[Checked, ...]

    def best(self, exercise: str) -> Checked | None:
        """The hand-in of an exercise with the most points; None if there is none."""
        own = [each for each in self.checked if each.exercise == exercise]
        return max(own, key=lambda each: each.points, default=None)

    def points(self, exercises: Sequence[str]) -> int:
        """The points of all exercises."""
        found = [self.best(name) for name in exercises]
        return sum(each.points for each in found if each is not None)


def hand_ins(folder: Path) -> Mapping[str, Sequence[Path]]:
    """The files of each student: those of a folder of the student's, or one file NAME_EXERCISE.py.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give the folder that has the hand-ins.")
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            found.setdefault(entry.name, []).extend(handed_in(entry))
        elif entry.suffix in SUFFIXES:
            found.setdefault(_student(entry), []).append(entry)
    if not any(found.values()):
        raise ValueError(
            f"{folder} has no hand-ins; give a folder with a .py or .ipynb file, or a folder of "
            "them, for each student."
        )
    return found


def handed_in(folder: Path) -> list[Path]:
    """The Python files and notebooks of a folder and those below, without hidden ones."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]
    return [
        path
        for path in files
        if path.is_file()
        and not any(p.startswith((".", "__")) for p in path.relative_to(folder).parts)
    ]


def _student(path: Path) -> str:
    """The student of a file: its name without the exercise.

    >>> _student(Path("alice_svm_loss.py")), _student(Path("bob.py"))
    ('alice', 'bob')
    """
    exercise = exercise_by_name(path, EXERCISES)
    name = path.stem if exercise is None else path.stem[: -len(exercise)]
    return re.sub(r"[ _.-]+$", "", name) or path.stem


def grade(
    students: Mapping[str, Sequence[Path]],
    *,
    seed: int = 0,
    limits: Limits | None = None,
    exercise: str | None = None,
    jobs: int = JOBS,
    done: Callable[[], None] = lambda: None,
) -> list[Marks]:
    """Check all hand-ins, `jobs` at a time; `done` is called after each."""

    def one(path: Path) -> Checked:
        return check(path, seed=seed, limits=limits, exercise=exercise)

    paths = [path for own in students.values() for path in own]
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = {path: pool.submit(one, path) for path in paths}
        left: set[Future[Checked]] = set(futures.values())
        while left:
            ended, left = wait(left, return_when=FIRST_COMPLETED)
            for future in ended:
                future.result()
                done()
    except BaseException:  # Ctrl-C, too
        pool.shutdown(wait=False, cancel_futures=True)
        end_all()
        raise
    finally:
        pool.shutdown()
    return [
        Marks(student, tuple(futures[path].result() for path in own))
        for student, own in students.items()
    ]


def exercises_of(marks: Sequence[Marks], exercise: str | None = None) -> list[str]:
    """The exercises that anybody handed in, in the order of the course."""
    found = {each.exercise for own in marks for each in own.checked}
    return [name for name in EXERCISES if name in found or name == exercise]


def most_points(exercises: Sequence[str]) -> int:
    """The number of points that can be reached."""
    return sum(len(EXERCISES[name].checks) for name in exercises)


def remarks(marks: Marks, words: Texts) -> Iterator[str]:
    """What is not right, in sentences, each once."""
    functions: dict[tuple[str, str, str], set[str]] = {}
    for checked in marks.checked:
        for finding in checked.findings:
            if finding.remark is not None:
                place = words.place(checked.place(finding))
                key = (checked.path.name, place, words.remark(finding.remark))
                functions.setdefault(key, set()).add(finding.function)
    for (file, place, sentence), names in functions.items():
        name = names.pop() if len(names) == 1 else ""  # of several, it is the file
        yield f"{', '.join(filter(None, (file, name, place)))}: {sentence}"


def as_csv(marks: Sequence[Marks], exercises: Sequence[str], words: Texts) -> bytes:
    """A row for each student: points of each exercise, all points, of how many, remarks."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["student", *exercises, "points", "of", "remarks"])
    for own in marks:
        found = [own.best(name) for name in exercises]
        points = ["" if each is None else each.points for each in found]
        sentences = " ".join(remarks(own, words))
        total = [own.points(exercises), most_points(exercises)]
        table.writerow([_cell(own.student), *points, *total, _cell(sentences)])
    return stream.getvalue().encode("utf-8-sig")


def _cell(text: str) -> str:
    """A text that no spreadsheet computes.

    >>> _cell("=1+1")
    "'=1+1"
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def as_json(marks: Sequence[Marks], exercises: Sequence[str], words: Texts, seed: int) -> bytes:
    """All verdicts of all hand-ins."""
    whole = {
        "seed": seed,
        "exercises": {name: len(EXERCISES[name].checks) for name in exercises},
        "students": [
            {
                "student": own.student,
                "points": own.points(exercises),
                "of": most_points(exercises),
                "missing": [name for name in exercises if own.best(name) is None],
                "hand_ins": [plain(each, words) for each in own.checked],
            }
            for own in marks
        ],
    }
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def plain(checked: Checked, words: Texts) -> dict[str, object]:
    """What was found in a file, as values for JSON."""
    return {
        "file": checked.path.name,
        "exercise": checked.exercise,
        "outcome": checked.outcome,
        "points": checked.points,
        "of": checked.most,
        "checks": [
            {
                "check": finding.check,
                "verdict": finding.verdict,
                "cell": checked.place(finding)[0],
                "line": checked.place(finding)[1],
                "look_at": "" if finding.remark is None else finding.remark.key,
                "hint": "" if finding.remark is None else finding.remark.values.get("hint", ""),
                "remark": words.finding(finding),
            }
            for finding in checked.findings
        ],
    }
