"""What `halfspaces train` does: open, choose λ, fit, report, save."""

import importlib.util
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces import datasets
from halfspaces.cli import report
from halfspaces.cli.image_features import Describing, Rows, folds_of
from halfspaces.datasets import Dataset
from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.estimators.calibration import CALIBRATIONS
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_optimizer
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.features import Augmentation, parse
from halfspaces.files import run_file
from halfspaces.files.atomic import write_whole
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.files.models import save, versions
from halfspaces.loop.result import Reason
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.optimizers import OPTIMIZERS, SCHEDULES, UPDATE_RULES, Optimizer
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.support.validation import check_finite, check_number, check_numbers, nearest
from halfspaces.tuning.folds import Fold

STRENGTHS = 10  # λ to try
LEAST_MEMORY = 256e6  # bytes: what fitting takes by itself, whatever the data
EVERY = 60.0  # seconds from one checkpoint to the next
VALIDATION = 0.1  # of the training rows


@dataclass(frozen=True)
class Recipe:
    """How to train: what was asked for on the command line."""

    loss: str = "softmax"
    loss_options: dict[str, Any] = field(default_factory=dict)
    penalty: str = "l2"
    strength: float | None = None
    strengths: str | None = None
    folds: int | None = None
    radius: float | None = None
    optimizer: str = "auto"
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    fit_options: dict[str, Any] = field(default_factory=dict)
    validation: float | None = None
    calibrate: str | None = None
    sanity: bool = False
    label: str | None = None
    image_size: str | None = None
    skip_bad: bool = False
    features: str | None = None
    flip: bool = False
    shift: int | None = None
    cache_features: bool = False
    seed: int | None = None
    memory: str | None = None
    checkpoint: Path | None = None
    every: float | None = None
    resume: bool = False

    def check(self) -> None:
        """Raise for a number that is out of range, by the name of its option."""
        if self.validation is not None:
            check_number("--validation", self.validation, above=0, below=1)
        if self.strength is not None:
            check_number("--strength", self.strength, at_least=0)
        if self.folds is not None:
            check_number("--folds", self.folds, at_least=2, integer=True)
        if self.seed is not None:
            check_number("--seed", self.seed, at_least=0, below=1 << 32, integer=True)
        self._check_kept()
        self._check_features()
        if self.calibrate is not None:
            self._check_calibrate()
        about = {
            "--strengths": self.strengths,
            "--folds": self.folds,
            "--validation": self.validation,
        }
        for flag, given in about.items():
            if given is not None and not (
                self.chooses_strength or (self.calibrate and flag != "--strengths")
            ):
                fixed = (
                    f"--strength {self.strength:g}"
                    if self.strength is not None
                    else "these options"
                )
                raise ValueError(
                    f"{flag} {given} is for choosing λ, but {fixed} leave no choice; give one of them."
                )
        if self.folds is not None and self.validation is not None:
            raise ValueError(
                f"--folds {self.folds} and --validation {self.validation:g} both hold rows out; give one."
            )
        jobs = self.fit_options.get("n_jobs")
        if jobs not in (None, -1):
            check_number("--jobs", jobs, at_least=1, integer=True)
        check_number("--tol", self.fit_options.get("tol", 0), at_least=0)
        check_number("--max-passes", self.fit_options.get("max_passes", 1), above=0)
        if self.fit_options.get("class_weight") not in (None, "balanced"):
            raise ValueError(
                f"--class-weight must be balanced or left out, got {self.fit_options['class_weight']}."
            )

    def _check_calibrate(self) -> None:
        """Calibration is learned from the scores of held-out rows, which only the search for λ has."""
        given = f"--calibrate {self.calibrate}"
        _check_known("--calibrate", str(self.calibrate), CALIBRATIONS)
        if self.optimizer != "auto":
            raise ValueError(
                f"{given} needs --optimizer auto, got --optimizer {self.optimizer}; leave one of them out."
            )
        if self.penalty in ("max_norm", "none"):
            raise ValueError(
                f"{given} needs a penalty with a strength, got --penalty {self.penalty}; use l2."
            )
        if self.strength is not None:
            check_number(f"--strength, with {given},", self.strength, above=0)

    def _check_features(self) -> None:
        """Words that are known, and what belongs to them."""
        if self.shift is not None:
            check_number("--shift", self.shift, at_least=1, integer=True)
        about = {
            "--flip": self.flip,
            "--shift": self.shift,
            "--cache-features": self.cache_features,
        }
        for flag, given in about.items():
            if given and self.features is None:
                raise ValueError(
                    f"{flag} belongs to --features; give --features pixels, or others, too."
                )
        if self.features is not None:
            parse(self.features)

    def _check_kept(self) -> None:
        """The same for --checkpoint and what belongs to it."""
        if self.every is not None:
            check_number("--every", self.every, at_least=0)
        for flag, given in {"--every": self.every is not None, "--resume": self.resume}.items():
            if given and self.checkpoint is None:
                raise ValueError(f"{flag} belongs to --checkpoint; give --checkpoint FOLDER, too.")
        if self.kept is not None and self.kept.held and not self.resume:
            held = f"{self.checkpoint} holds the checkpoint of a run that has not ended"
            raise ValueError(
                f"{held}; give --resume to go on from it, or another --checkpoint to start anew."
            )

    def make_loss(self) -> Loss:
        """The loss with its options; an option that it does not have is an error."""
        _check_known("--loss", self.loss, LOSSES)
        loss = LOSSES[self.loss]
        given = {name: value for name, value in self.loss_options.items() if value is not None}
        _refuse_foreign(f"--loss {self.loss}", given, loss, LOSSES, "--loss")
        return replace(loss, **given) if given else loss  # pyright: ignore[reportArgumentType]

    def make_penalty(self) -> str | Penalty:
        """The penalty's name, or a max norm of the given radius."""
        _check_known("--penalty", self.penalty, PENALTIES)
        if self.strength is not None and self.penalty in ("max_norm", "none"):
            remedy = "give --radius" if self.penalty == "max_norm" else "leave it out"
            raise ValueError(
                f"--strength {self.strength:g} has no place in --penalty {self.penalty}; {remedy}."
            )
        if self.radius is None:
            return self.penalty
        if self.penalty != "max_norm":
            raise ValueError(
                f"--radius belongs to --penalty max_norm, got --penalty {self.penalty}."
            )
        return MaxNorm(self.radius)

    def make_optimizer(self) -> str | Optimizer:
        """The optimizer's name, or one with the given options."""
        _check_known("--optimizer", self.optimizer, ["auto", *OPTIMIZERS])
        if self.finds_step_size and self.optimizer != "sgd":
            raise ValueError(
                f"--step-size find belongs to --optimizer sgd, got --optimizer {self.optimizer}."
            )
        for name, known in {"update_rule": UPDATE_RULES, "schedule": SCHEDULES}.items():
            if name in self.optimizer_options:
                _check_known(_flag(name), self.optimizer_options[name], known)
        options = {
            name: value for name, value in self.optimizer_options.items() if name != "step_size"
        }
        step_size = self.optimizer_options.get("step_size")
        if step_size not in (None, "find"):
            options["step_size"] = _number("--step-size", step_size)
        if self.seed is not None and hasattr(OPTIMIZERS.get(self.optimizer), "seed"):
            options["seed"] = self.seed
        if not options and step_size is None:
            return self.optimizer
        kind = OPTIMIZERS.get(self.optimizer)
        _refuse_foreign(
            f"--optimizer {self.optimizer}", self.optimizer_options, kind, OPTIMIZERS, "--optimizer"
        )
        assert kind is not None
        return kind(**options)

    def classifier(self) -> LinearClassifier:
        """The classifier to fit."""
        return LinearClassifier(
            loss=self.make_loss(),
            penalty=self.make_penalty(),
            strength=self.strength,
            optimizer=self.make_optimizer(),
            callbacks=self._callbacks,
            **self.fit_options,
        )

    def search(self) -> LinearClassifierCV:
        """The classifier that chooses its λ."""
        return LinearClassifierCV(
            loss=self.make_loss(),
            penalty=self.make_penalty(),
            strengths=_strengths(self.strengths) if self.strength is None else [self.strength],
            cv=self.folds or 2,
            calibrate=self.calibrate,
            random_state=self.seed,
            callbacks=self._callbacks,
            **self.fit_options,
        )

    def open(self, data: str) -> Dataset:
        """The data set, of images in the size that was asked for."""
        size = _image_size(self.image_size)
        return datasets.open(
            data, label=self.label, image_size=size, skip_bad=self.skip_bad, memory=self._bytes
        )

    def described(self, dataset: Dataset) -> Rows | None:
        """The data set as rows of the feature that was asked for; None where none was."""
        if self.features is None:
            return None
        check_two(np.unique(dataset.y))  # before images are described for nothing
        feature: Any = parse(self.features)
        feature.set_params(n_jobs=self.fit_options.get("n_jobs"))
        augmentation = Augmentation(self.flip, self.shift or 0, self.seed or 0)
        asked = Describing(feature, augmentation, self.cache_features, self._bytes)
        folds: list[Fold] = []
        if self.holds_out:
            part = (
                None
                if self.folds or self.has_validation(dataset)
                else self.validation or VALIDATION
            )
            folds = folds_of(dataset.y, self.folds, part, self.search()._seed() or 0)
        rows = asked.rows(dataset, folds, standardized=self.fit_options.get("standardize", True))
        report.described(rows, asked_to_flip=self.flip)
        return rows

    def has_validation(self, dataset: Dataset) -> bool:
        """Whether λ is chosen on validation rows of the data set's own."""
        return self.folds is None and self.validation is None and dataset.X_val is not None

    @property
    def _bytes(self) -> float | None:
        return None if self.memory is None else memory_bytes(self.memory)

    @cached_property
    def kept(self) -> Checkpoint | None:
        """Where the run is kept."""
        return (
            None
            if self.checkpoint is None
            else Checkpoint(self.checkpoint, EVERY if self.every is None else self.every)
        )

    @property
    def _callbacks(self) -> list[Checkpoint]:
        return [] if self.kept is None else [self.kept]

    @property
    def finds_step_size(self) -> bool:
        """Whether a range test comes first."""
        return self.optimizer_options.get("step_size") == "find"

    @property
    def holds_out(self) -> bool:
        """Whether rows are needed that are not fitted on."""
        return self.chooses_strength or self.calibrate is not None

    @property
    def chooses_strength(self) -> bool:
        """Whether λ is open and matters: random search stays so close to 0 that it does not."""
        return (
            self.strength is None
            and self.penalty not in ("max_norm", "none")
            and self.optimizer != "random_search"
        )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_known(flag: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        raise ValueError(f"{flag} {given} is not known: {nearest(given, known)}")


def _refuse_foreign(
    given: str, options: Mapping[str, Any], component: Any, known: Mapping[str, Any], flag: str
) -> None:
    """Raise if the component has no such option, naming those that do."""
    own = set() if component is None else {entry.name for entry in fields(component)}
    for name in options:
        if name not in own:
            owners = [
                key
                for key, other in known.items()
                if name in {entry.name for entry in fields(other)}
            ]
            raise ValueError(f"{_flag(name)} belongs to {flag} {' or '.join(owners)}, got {given}.")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number or 'find', got {text!r}.") from None


def _strengths(text: str | None) -> int | list[float]:
    """How many λ to try, or which.

    >>> _strengths("7"), _strengths("1,0.1")
    (7, [1.0, 0.1])
    """
    if text is None:
        return STRENGTHS
    parts = text.split(",")
    if len(parts) == 1 and parts[0].strip().isdecimal():
        check_number("--strengths, as a number of them,", int(text), at_least=2, integer=True)
        return int(text)
    try:
        strengths = [float(part) for part in parts]
    except ValueError:
        raise ValueError(
            f"--strengths must be a whole number or a list such as 1,0.1,0.01, got {text!r}."
        ) from None
    check_numbers("Each of --strengths", strengths, above=0)
    return strengths


def memory_bytes(text: str) -> float:
    """A number of bytes to work in.

    >>> memory_bytes("2GB"), memory_bytes("512 mb")
    (2000000000.0, 512000000.0)
    """
    size = size_bytes("--memory", text)
    if size < LEAST_MEMORY:
        raise ValueError(
            f"--memory must be at least {LEAST_MEMORY / 1e6:g}MB, such as 2GB or 512MB, got {text!r}."
        )
    return size


def size_bytes(flag: str, text: str) -> float:
    """A number with or without a unit.

    >>> size_bytes("--keep", "0"), size_bytes("--keep", "1.5k")
    (0.0, 1500.0)
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*)\s*([kMGT]?)B?\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{flag} must be a size such as 2GB or 512MB, got {text!r}.")
    return float(match[1]) * 1000.0 ** " KMGT".index(match[2].upper() or " ")


def _image_size(text: str | None) -> int | tuple[int, int] | None:
    """A side, or a height and a width.

    >>> _image_size("32"), _image_size("24x16")
    (32, (24, 16))
    """
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise ValueError(
            f"--image-size must be a side or HEIGHTxWIDTH, such as 32 or 24x16, got {text!r}."
        )
    return int(text) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def check_out(out: Path | None) -> None:
    """Fail before the work, not after it, where a file could not be written."""
    if out is None:
        return
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file in it.")
    if not out.parent.is_dir():
        raise ValueError(
            f"--out {out} lies in a folder that does not exist; create {out.parent} first."
        )
    if not os.access(out.parent, os.W_OK):
        raise ValueError(f"--out {out} lies in a folder that cannot be written; choose another.")


def train(
    data: str,
    recipe: Recipe,
    out: Path | None,
    options: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> LinearClassifier:
    """Open the data, choose λ on held-out rows, fit all training rows, report, save, the options as a run file.

    `before` is the fingerprint of the data of a run that is repeated: others are told of.
    Raises SystemExit(130) after Ctrl-C, once the best model so far is saved; KeyboardInterrupt where none is.
    """
    recipe.check()
    classifier = recipe.classifier()
    check_out(out)
    with report.reading(data):
        dataset = recipe.open(data)
    if dataset.X_test is not None:
        check_finite("X_test", dataset.X_test)
    report.dataset(dataset)
    rows = fingerprint(dataset.X, dataset.y)
    report.other_data(before, rows)
    images = {
        "class_names": dataset.class_names,
        "image_shape": dataset.image_shape,
        "planar": dataset.planar,
    }
    described = recipe.described(dataset)
    dataset = described.dataset if described else dataset
    if recipe.sanity:
        report.sanity_checks(classifier, dataset.X, dataset.y)
    search = _choose(recipe, dataset, described.folds if described else [])
    interrupted = search is not None and search.result_.reason is Reason.INTERRUPTED
    if search is not None:
        classifier.set_params(strength=search.strength_)
    if recipe.finds_step_size:
        _find_step(classifier, dataset)
    if search is not None and (recipe.optimizer == "auto" or interrupted):
        classifier = search.classifier_  # all rows were a member of the grid
    else:
        classifier.fit(dataset.X, dataset.y)
    interrupted = classifier.result_.reason is Reason.INTERRUPTED
    if interrupted and out is None:
        raise KeyboardInterrupt
    report.choice(classifier)
    report.fit(classifier, cost=search is None or recipe.optimizer != "auto")
    report.calibration(classifier)
    if not np.all(np.isfinite(classifier.result_.loss)):
        raise ValueError(f"The training failed and nothing is saved: {classifier.result_.reason}")
    metrics = _accuracies(classifier, described.as_given if described else dataset, search)
    if out is not None:
        notes = {"data": dataset.name, "metrics": metrics, **images}
        run = run_file.dumps(
            _in_full(recipe, options or {}), made={"data": str(dataset), **versions(), "rows": rows}
        )
        save(classifier, out, features=described.feature if described else None, run=run, **notes)
        report.saved(out)
        run_file.write(out.with_suffix(".run.toml"), run)
        report.run_file(out.with_suffix(".run.toml"))
        if search is not None and importlib.util.find_spec("matplotlib") is not None:
            _plot(search, out.with_suffix(".svg"))
    if interrupted:
        report.error(f"Interrupted; the best model so far is saved in {out}.")
        raise SystemExit(130)
    if recipe.kept is not None:
        recipe.kept.clear()
    return classifier


def _in_full(recipe: Recipe, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with how λ is chosen, where that is left to the defaults."""
    strengths = recipe.strengths or (str(STRENGTHS) if recipe.chooses_strength else None)
    validation = recipe.validation or (
        VALIDATION if recipe.holds_out and recipe.folds is None else None
    )
    few = {
        name: options.get(name) or None for name in ("local", "flip")
    }  # of one optimizer, of features alone
    return {**options, "strengths": strengths, "validation": validation, **few}


def _choose(recipe: Recipe, dataset: Dataset, folds: list[Fold]) -> LinearClassifierCV | None:
    """Fitted with the λ that held-out rows prefer, and calibrated; None where neither is to be done."""
    if not recipe.holds_out:
        return None
    if recipe.optimizer != "auto":
        _check_optimizer(recipe.classifier(), dataset)
    search = recipe.search()
    part = recipe.validation or VALIDATION
    if recipe.folds:
        rows, validation = f"{recipe.folds} folds", None
    elif recipe.has_validation(dataset):
        validation: Any = dataset.X_val, dataset.y_val
        rows = f"{len(validation[1]):,} rows of their own"
    else:
        rows, validation = f"{100 * part:g} % of the training rows", part
    if folds:  # those that the feature knows of
        validation = None
        search.set_params(cv=folds)
    search.fit(dataset.X, dataset.y, validation=validation)
    report.search(search, rows)
    return search


def _check_optimizer(classifier: LinearClassifier, dataset: Dataset) -> None:
    """Fail before λ is chosen, not after it, where the optimizer cannot have the penalty."""
    rows = np.unique(dataset.y, return_index=True)[1]
    objective = classifier.objective(dataset.X[rows], dataset.y[rows])
    make_optimizer(classifier.optimizer, objective, None).optimizer.init(
        objective.zeros(), objective
    )


def _plot(search: LinearClassifierCV, path: Path) -> None:
    from halfspaces.plots.validation_curve import save_validation

    write_whole(path, save_validation(search))
    report.plotted(path)


def _find_step(classifier: LinearClassifier, dataset: Dataset) -> None:
    from halfspaces.tuning.step_size import find_step_size

    optimizer: Any = classifier.optimizer
    test = find_step_size(classifier.objective(dataset.X, dataset.y), optimizer)
    report.range_test(test)
    classifier.set_params(optimizer=replace(optimizer, step_size=test.suggestion))


def _accuracies(
    classifier: LinearClassifier, dataset: Dataset, search: LinearClassifierCV | None
) -> dict[str, float]:
    """Accuracy on training, validation (of classifiers fitted without those rows) and test rows; shown, too."""
    predicted = classifier.predict(dataset.X)
    metrics = {"train": report.accuracy(dataset.y, predicted)}
    if search is not None:
        metrics["validation"] = float(search.cv_results_["mean_test_score"][search.best_index_])
    y, part = dataset.y, "train"
    if dataset.X_test is not None and dataset.y_test is not None:
        y, part, predicted = dataset.y_test, "test", classifier.predict(dataset.X_test)
        metrics["test"] = report.accuracy(y, predicted)
    report.accuracies(metrics)
    report.classes(np.asarray(y), predicted, dataset.class_names, part)
    return metrics
