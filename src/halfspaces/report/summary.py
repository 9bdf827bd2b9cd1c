"""The figures of a report, computed from a model and rows with labels."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

import halfspaces
from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.metrics.intervals import wilson
from halfspaces.estimators.scoring import score_name
from halfspaces.files.notes import RaceNote
from halfspaces.loop.result import Reason
from halfspaces.support.types import Array
from halfspaces.system.mark import mark
from halfspaces.system.notebooks import table
from halfspaces.system.words import DEFAULT, say, words

IMBALANCE = 10.0  # rows of the largest class over those of the smallest
MOST_CLASSES = 50  # shown in a notebook
TINY = 20  # rows of a class


class ClassFigures(BaseModel):
    """How well one class is found."""

    name: str
    rows: int = Field(description="Rows of the class.")
    predicted: int = Field(description="Rows that were predicted to be of the class.")
    precision: float | None = Field(description="Part of the predicted rows that are of it.")
    recall: float | None = Field(description="Part of its rows that were found.")
    f1: float | None = Field(description="Harmonic mean of precision and recall.")


class Summary(BaseModel):
    """A model and how well it does."""

    about: str = Field(
        default=mark("report"), description="The mark by which the file is known again."
    )
    version: str = Field(description="Of halfspaces.")
    language: str = Field(default=DEFAULT, description="Of the sentences.")
    model: str | None = Field(description="Name of the model file, if it was saved.")
    data: str = Field(description="The data set, in one line.")
    part: str = Field(description="Which rows the figures are of: test, or all.")
    rows: int
    right: int = Field(description="Rows whose prediction is right.")
    accuracy: float
    accuracy_low: float = Field(description="Lower end of the 95 % interval (Wilson).")
    accuracy_high: float
    were_fitted: bool = Field(description="Whether the model was fitted to these rows.")
    balanced_accuracy: float = Field(description="Mean recall of the classes.")
    baseline: float = Field(description="Accuracy of the most frequent class for all rows.")
    loss: str
    penalty: str
    strength: float | None = Field(description="λ.")
    noise: str | None = Field(None, description="Noise on the features in training, if any.")
    network: str | None = Field(None, description="The network that computes the scores, if any.")
    choice: str | None = Field(description="λ, and how it was chosen.")
    features: str | None = Field(description="The feature that computed the rows, if any.")
    n_features: int
    race: RaceNote | None = Field(None, description="How features, or loss and penalty, won.")
    fit: dict[str, Any] = Field(description="Why the training stopped, and what it cost.")
    metrics: dict[str, float] = Field(description="Accuracies in training.")
    versions: dict[str, str]
    classes: list[ClassFigures]
    notes: list[str] = Field(description="What the reader of the data noted.")
    warnings: list[str]
    run: str | None = Field(description="The run file, which repeats the training.")

    @property
    def certificate(self) -> str:
        """What is known of the distance from the best possible W, in a sentence."""
        gap = self.fit.get("gap")
        loss = self.fit.get("loss")
        if gap is None or loss is None or not np.isfinite(gap):
            return say(self.language, "report.no_certificate")
        values = {"loss": f"{loss:.6g}", "gap": f"{gap:.2g}"}
        if not loss:
            return say(self.language, "report.certificate", **values)
        part = say(self.language, "percent", number=f"{100 * gap / loss:.2g}")
        return say(self.language, "report.certificate_part", **values, part=part)

    @property
    def reason(self) -> str | None:
        """Why the training stopped, in a sentence; as it was noted, if it is of another version."""
        noted = self.fit.get("reason")
        names = {str(reason): reason.name.lower() for reason in Reason}
        if noted not in names:
            return noted
        return say(self.language, f"reason.{names[noted]}")

    def _repr_html_(self) -> str:
        part = "" if self.part == "all" else f"{self.part} "
        share = f"{100 * self.accuracy:.2f} % of {self.rows:,} {part}rows"
        interval = f"{100 * self.accuracy_low:.2f} % to {100 * self.accuracy_high:.2f} %"
        about = [
            ("model", self.model or "not saved"),
            ("accuracy", f"{share}; 95 % interval {interval}"),
            ("λ", self.choice or "none"),
            *(("warning", warning) for warning in self.warnings),
        ]
        classes = [
            (each.name, f"{each.rows:,}", *map(_share, (each.precision, each.recall, each.f1)))
            for each in self.classes[:MOST_CLASSES]
        ]
        return table(about) + table(classes, ("class", "rows", "precision", "recall", "F1"))


def _share(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f} %"


def summarize(
    classifier: Any,
    y: Array,
    predicted: Array,
    *,
    model: str | None,
    data: str,
    part: str,
    were_fitted: bool = False,
    class_names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    language: str = DEFAULT,
) -> Summary:
    """The figures of predictions on rows with labels.

    Parameters
    ----------
    classifier : LinearClassifier or NetworkClassifier
        As `load` returns it.
    y, predicted : array, shape (N,)
    model : str or None
        The name of its file; None if it was not saved.
    data, part : str
        Names, for the report.
    were_fitted : bool
        Whether the model was fitted to these rows.
    class_names : sequence, optional
        By position in `classes_`.
    notes : sequence of str
        What the reader of the data noted.
    warnings : sequence of str
        What is known to be wrong with the data; others are added from the figures.
    language : str
        Of the sentences, one of `LANGUAGES`; `notes` and `warnings` are taken as they are.
    """
    y = np.asarray(y)
    right = int(np.sum(y == predicted))
    low, high = wilson(right / len(y), len(y))
    known: Mapping[str, Any] = getattr(classifier, "notes_", {})
    classes = _by_class(classifier.classes_.tolist(), y, predicted, class_names)
    recalls = [each.recall for each in classes if each.recall is not None]
    return Summary(
        version=halfspaces.__version__,
        language=language,
        model=model,
        data=data,
        part=part,
        rows=len(y),
        right=right,
        accuracy=right / len(y),
        accuracy_low=low,
        accuracy_high=high,
        were_fitted=were_fitted,
        baseline=max(each.rows for each in classes) / len(y),
        balanced_accuracy=float(np.mean(recalls)),
        loss=str(classifier.loss),
        penalty=str(classifier.penalty),
        strength=_strength(classifier),
        choice=_choice(_strength(classifier), known.get("search"), language),
        noise=_words_of(classifier, "noise"),
        network=_words_of(classifier, "network"),
        features=_words_of(classifier, "features_"),
        n_features=classifier.n_features_in_,
        race=known.get("race"),
        fit=dict(known.get("fit", {})),
        metrics=dict(known.get("metrics", {})),
        versions=dict(known.get("versions") or {}),
        classes=classes,
        notes=list(notes),
        warnings=[*warnings, *_warnings(classes, y, classifier.classes_, language)],
        run=known.get("run"),
    )


def dumps(summary: Summary) -> str:
    r"""The figures as JSON; what a terminal would obey is written in codes such as \u001b."""
    text = json.dumps(summary.model_dump(), indent=2, ensure_ascii=False)
    return re.sub(r"[^\n -~]", lambda found: _printable(found[0]), text)


def _printable(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _by_class(
    labels: Sequence[Any], y: Array, predicted: Array, names: Sequence[str] | None
) -> list[ClassFigures]:
    return [
        _figures(name, y == label, predicted == label)
        for name, label in zip(names or map(str, labels), labels, strict=True)
    ]


def _figures(name: str, is_of: Array, taken: Array) -> ClassFigures:
    found = int(np.sum(is_of & taken))
    rows = int(is_of.sum())
    predicted = int(taken.sum())
    return ClassFigures(
        name=name,
        rows=rows,
        predicted=predicted,
        precision=found / predicted if predicted else None,
        recall=found / rows if rows else None,
        f1=2 * found / (rows + predicted) if rows + predicted else None,
    )


def _words_of(classifier: ScoreModel, option: str) -> str | None:
    """An option in words; None where it is not given, or the classifier does not have it."""
    value = getattr(classifier, option, None)
    return None if value is None else str(value)


def _strength(classifier: Any) -> float | None:
    strength = classifier.strength
    if strength is None:
        strength = getattr(classifier.penalty, "strength", None)
    return None if strength is None else float(strength)


def _choice(strength: float | None, search: Any, language: str) -> str | None:
    """λ and how it was chosen, in a sentence; `search` is the note of a model."""
    if strength is None:
        return None
    if search is None:
        return say(language, "report.strength_given", strength=f"{strength:.3g}")
    rows = search["rows"]
    scoring = search["scoring"]
    taken = min(rows, key=lambda row: abs(row["strength"] - strength))
    score = taken["score"]
    value = f"{score:.4g}"
    if scoring == "accuracy":
        value = say(language, "percent", number=f"{100 * score:.1f}")
    return say(
        language,
        "report.strength_chosen",
        strength=f"{strength:.3g}",
        count=len(rows),
        score=words(language).get(f"score.{scoring}", score_name(scoring)),
        value=value,
    )


def _warnings(classes: list[ClassFigures], y: Array, known: Array, language: str) -> list[str]:
    """What a reader should know before trusting the figures."""

    def warn(key: str, **values: object) -> None:
        said.append(say(language, key, **values))

    def named(each: ClassFigures) -> str:
        return say(language, "report.tiny_class", name=each.name, rows=each.rows)

    said: list[str] = []
    held = [each for each in classes if each.rows]
    tiny = [each for each in held if each.rows < TINY]
    missing = [each.name for each in classes if not each.rows]
    never = [each.name for each in held if not each.predicted]
    if tiny:
        warn("report.tiny", least=TINY, names=_listed([named(each) for each in tiny], language))
    if missing:
        warn("report.missing", names=_listed(missing, language))
    if never:
        warn("report.never", names=_listed(never, language))
    counts = [each.rows for each in held]
    if counts and max(counts) > IMBALANCE * min(counts):
        warn("report.imbalance", least=f"{min(counts):,}", most=f"{max(counts):,}")
    unknown = int(np.sum(~np.isin(y, known)))
    if unknown:
        warn("report.unknown", count=f"{unknown:,}")
    return said


def _listed(names: Sequence[str], language: str) -> str:
    shown = say(language, "list.separator").join(names[:5])
    if len(names) <= 5:
        return shown
    return say(language, "list.more", names=shown, count=len(names) - 5)
