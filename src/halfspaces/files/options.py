"""The options of a training, each described once: name, type, default, help, range and rules.

The command line, the recipe and the run file are made from the fields below. A class is one table
of the run file, and one panel of `halfspaces train --help`; `ThisCall` has the options that no run
file stores, because they do not change the coefficients. `Options` has all of them side by side.

>>> Options(loss="hinge", margin=2.0).loss
'hinge'
>>> flag("batch_size"), section("batch_size"), parts_of("penalty")
('--batch-size', 'optimizer', ['radius', 'beta'])
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from halfspaces.system.atomic import brief
from halfspaces.system.words import DEFAULT, LANGUAGES

BOUNDS = {"ge": "at_least", "gt": "above", "lt": "below"}
KINDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a string",
    "bool_type": "true or false",
}
STRENGTHS = 10  # the number of λ that are tried
VALIDATION = 0.1  # part of the training rows that is held out
MOST_STRENGTHS = 1000
LONGEST_STRING = 4096  # characters, as of a path
EVERY = 60.0  # seconds from one checkpoint to the next


def option(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    part_of: str | None = None,
    needs: str | None = None,
    only_with: Mapping[str, str] | None = None,
    excludes: tuple[str, ...] = (),
    env: str | None = None,
    **bounds: float,
) -> Any:
    """A field of a table.

    Parameters
    ----------
    default
        The value where the option is not given.
    help : str
        What users read.
    flag : str, optional
        Its name on the command line, if this is not the field's name with dashes.
    part_of : str, optional
        The option that names a component (score, loss, penalty, optimizer) of which this is a
        parameter: it is allowed for the components that have such a parameter.
    needs : str, optional
        The option without which this one has no meaning.
    only_with : mapping, optional
        Options and the values that they must have beside this one.
    excludes : tuple of str
        Options that cannot stand beside this one in a run file; the rule holds both ways.
    env : str, optional
        The environment variable with the value where the option is not given.
    **bounds
        ge, gt and lt of a number.
    """
    rules = {
        "flag": flag,
        "part_of": part_of,
        "needs": needs,
        "only_with": only_with and dict(only_with),
        "excludes": list(excludes) or None,
        "env": env,
    }
    given: Any = {name: rule for name, rule in rules.items() if rule is not None}
    finite: Any = {"allow_inf_nan": False} if bounds and not isinstance(default, bool) else {}
    return Field(default, description=help, json_schema_extra=given or None, **bounds, **finite)


class Table(BaseModel):
    """One table of a run file."""

    model_config = ConfigDict(
        defer_build=True,  # help needs no validation
        strict=True,
        frozen=True,
        extra="forbid",
        str_max_length=LONGEST_STRING,
    )


class DataOptions(Table):
    """The examples."""

    data: str = option(
        "digits",
        "'digits', a name of `halfspaces data list`, or a folder, file or address: images in one "
        "folder a class (or .tar or .zip of it), CIFAR, MNIST-like, CSV, JSON lines, .npz, .npy, "
        "Parquet, Arrow, HDF5, Hugging Face, svmlight.",
    )
    label: str | None = option(
        None,
        "Column of a table that holds the classes, 'label', 'y', ... unless given; "
        "fine or coarse for CIFAR-100.",
    )
    ignore: list[str] | None = option(
        None, "Column of a table that is left out; repeatable. Keys such as 'id' are left out."
    )
    split: str | None = option(
        None,
        "Column of a table that holds train, validation or test for each row; 'split' unless "
        "given, if it has such words.",
    )
    group: str | None = option(
        None,
        "Column of a table that names the group of each row, such as a subject: rows of one group "
        "are held out together.",
    )
    weight: str | None = option(None, "Column of a table with the weight of each example.")
    image_size: str | None = option(
        None,
        "Resize images to this: a side, or HEIGHTxWIDTH; 32 if they have several sizes, "
        "up to 224 for encoder.",
    )
    skip_bad: bool = option(False, "Leave out files that are no image, and count them.")


class FeatureOptions(Table):
    """What is computed from images before training."""

    features: str | None = option(
        "auto",
        "Features of images: auto races some and takes the best; pixels, hog+hue, patches, ...; "
        "see `halfspaces features list`.",
    )
    flip: bool = option(False, "Train on the mirror images, too. Not for text.")
    shift: int | None = option(
        None,
        "Train on a copy of each image, too, moved by at most this number of pixels.",
        ge=1,
    )


class ScoreOptions(Table):
    """The scores f(x; W), of which the largest wins."""

    score: str = option(
        "linear",
        "linear; or a network, which needs torch: mlp (fully connected layers) or resnet "
        "(a small residual network for images).",
    )
    hidden: str | None = option(
        None, "mlp: units of each hidden layer (512), such as 512,256.", part_of="score"
    )
    width: int | None = option(
        None, "resnet: channels of the first of its three stages (32).", part_of="score", ge=1
    )
    depth: int | None = option(
        None, "resnet: residual blocks in each stage (1).", part_of="score", ge=1
    )
    batch_norm: bool | None = option(
        None,
        "mlp, resnet: batch normalization; resnet has it unless it is switched off.",
        part_of="score",
    )
    stochastic_depth: float | None = option(
        None,
        "resnet: probability with which the last residual branch is skipped while training (0).",
        part_of="score",
        ge=0,
        lt=1,
    )
    fractional_pooling: bool = option(
        False, "resnet: fractional max pooling between the stages.", part_of="score"
    )


class LossOptions(Table):
    """The loss L_i of one example."""

    loss: str = option(
        "auto",
        "auto races some where the data are plain rows, and is softmax otherwise; softmax, hinge, "
        "squared_hinge, crammer_singer, ova_hinge, ...",
    )
    margin: float | None = option(None, "Δ of a margin loss; 1 unless given.", part_of="loss")
    label_smoothing: float | None = option(None, "ε of softmax; 0 unless given.", part_of="loss")


class PenaltyOptions(Table):
    """The penalty R(W)."""

    penalty: str = option(
        "auto",
        "auto races some where the data are plain rows, and is l2 otherwise; l2, l1, elastic_net, "
        "max_norm or none.",
    )
    radius: float | None = option(None, "r of max_norm; 1 unless given.", part_of="penalty")
    beta: float | None = option(
        None, "β of elastic_net, R = Σ (β W² + |W|); 1 unless given.", part_of="penalty"
    )


class NoiseOptions(Table):
    """Noise on the standardized features while W is trained, or within a network; predictions have
    none.
    """

    dropout: float | None = option(
        None,
        "Drop each feature, of a network each hidden unit, with this probability, anew in each "
        "pass.",
        part_of="score",
        excludes=("feature_noise",),
        ge=0,
        lt=1,
    )
    feature_noise: float | None = option(
        None,
        "Add Gaussian noise of this standard deviation, anew in each pass.",
        part_of="score",
        ge=0,
    )
    adaptive_l2: bool = option(
        False,
        "Add to the loss what the noise would add on average, and draw none.",
        part_of="score",
    )


class StrengthOptions(Table):
    """The strength λ of the penalty, and how it is chosen."""

    strength: float | None = option(
        None,
        "λ; chosen on held-out rows unless given. Of a network 2.5e-4 unless given.",
        excludes=("strengths", "folds", "validation", "scoring"),
        ge=0,
    )
    strengths: str | None = option(
        None,
        f"The number of λ to try ({STRENGTHS}), from the largest of use down, "
        "or a list: 1,0.1,0.01.",
    )
    folds: int | None = option(
        None,
        "Choose λ by cross-validation with this number of folds; 5 of few rows, else validation "
        "rows, unless given.",
        excludes=("validation",),
        ge=2,
    )
    validation: float | None = option(
        None,
        f"Part of the training rows on which λ is chosen, {VALIDATION} unless given; or on which a "
        "network is assessed after each epoch.",
        gt=0,
        lt=1,
    )
    scoring: str | None = option(
        None,
        "What λ is chosen by: accuracy (unless given), log_loss, balanced_accuracy, ... "
        "as scikit-learn names them.",
    )


class OptimizerOptions(Table):
    """How the loss is minimized."""

    optimizer: str = option(
        "auto",
        "auto, lbfgs, newton, dual_ascent, gradient_descent, sgd, proximal, proximal_newton, "
        "coordinate_descent or random_search.",
    )
    update_rule: str | None = option(
        None,
        "sgd, gradient_descent: plain, momentum, nesterov, adagrad, rmsprop or adam.",
        part_of="optimizer",
    )
    schedule: str | None = option(
        None,
        "sgd, gradient_descent: constant, step, cosine, inverse_time or warm_up.",
        part_of="optimizer",
    )
    step_size: str | None = option(
        None,
        "sgd, gradient_descent: a number; sgd: or 'find' for a range test.",
        part_of="optimizer",
    )
    batch_size: int | None = option(
        None, "sgd: examples in a minibatch (256).", part_of="optimizer"
    )
    epochs: int | None = option(None, "sgd: passes over the examples (10).", part_of="optimizer")
    draws: int | None = option(
        None, "random_search: the number of W to try (1000).", part_of="optimizer"
    )
    local: bool = option(False, "random_search: draw around the best W found.", part_of="optimizer")
    seed: int | None = option(
        None,
        "Seed for the rows held out to choose λ, for --shift, and for optimizers that draw.",
        ge=0,
        lt=1 << 32,
    )
    tol: float = option(1e-3, "Stop within this part of the loss above its minimum, proved.", ge=0)
    max_passes: float = option(3000.0, "Limit on visits to all examples.", gt=0)


class FitOptions(Table):
    """How examples and features are weighted, and probabilities."""

    standardize: bool = option(True, "Bring features to mean 0 and variance 1.")
    class_weight: str | None = option(
        None, "'balanced': each class counts the same; or a weight for some: cat=5,dog=0.5."
    )
    calibrate: str | None = option(
        None,
        "temperature or sigmoid: probabilities for any loss, learned on held-out rows.",
        only_with={"optimizer": "auto"},
    )
    threshold: str | None = option(
        None,
        "Of two classes: where the second begins, chosen on held-out rows: balanced_accuracy, f1, "
        "accuracy, precision=0.9 or recall=0.9.",
        only_with={"optimizer": "auto"},
    )


class ThisCall(Table):
    """One call: where it computes, reads and writes."""

    budget: str = option(
        "2min",
        "Time for the race of what is auto and the final fit, on a machine of two cores; 0 races "
        "nothing.",
        env="HALFSPACES_BUDGET",
    )
    cache_features: bool = option(
        False, "Store the computed features on disk for the next run; those of encoder are anyway."
    )
    jobs: int | None = option(None, "Worker threads; all cores unless given.", ge=1)
    device: str = option("auto", "Device that computes the fit: cpu, cuda, cuda:1 or mps.")
    engine: str | None = option(
        None, "Compute in parts on processes: dask, ray, or threads of this one."
    )
    cluster: str | None = option(
        None, "Address of their cluster; local starts one here.", needs="engine"
    )
    sanity: bool = option(False, "First check loss and gradient on this data.")
    memory: str | None = option(
        None, "Use at most this much memory, such as 2GB: larger data stay on disk."
    )
    checkpoint: Path | None = option(
        None, "Store the run in this folder: killed at any moment, it can go on."
    )
    every: float | None = option(
        None,
        f"Seconds from one checkpoint to the next ({EVERY:g}).",
        needs="checkpoint",
        ge=0,
    )
    resume: bool = option(False, "Go on from the run there, if there is one.", needs="checkpoint")
    out: Path | None = option(
        None,
        "Save the model here, one .safetensors file; its run file and its history go beside it.",
    )
    report: Path | None = option(
        None, "Write a report of the trained model here: .html, or .json for its figures."
    )
    language: str = option(DEFAULT, f"Of the report: {', '.join(LANGUAGES)}.", needs="report")
    overwrite: bool = option(False, "Replace files that halfspaces did not write.")
    run: Path | None = option(
        None, "Repeat the run of this .run.toml or model; options beside it override it."
    )
    plugin: list[Path] | None = option(
        None,
        "Import this Python file, which registers losses, penalties, ... of your own; repeatable.",
    )
    print_schema: bool = option(
        False, "Show the JSON schema of run files and exit.", flag="--schema"
    )


TABLES: dict[str, type[Table]] = {
    "data": DataOptions,
    "features": FeatureOptions,
    "score": ScoreOptions,
    "loss": LossOptions,
    "penalty": PenaltyOptions,
    "noise": NoiseOptions,
    "strength": StrengthOptions,
    "optimizer": OptimizerOptions,
    "fit": FitOptions,
}
# Values of options that other options need, for messages.
EXAMPLES = {"checkpoint": "FOLDER", "engine": "dask", "report": "FILE.html"}


class Options(
    DataOptions,
    FeatureOptions,
    ScoreOptions,
    LossOptions,
    PenaltyOptions,
    NoiseOptions,
    StrengthOptions,
    OptimizerOptions,
    FitOptions,
    ThisCall,
):
    """All options of `halfspaces train`."""


def all_options() -> dict[str, FieldInfo]:
    """All options by name, in the order of the tables."""
    tables = [*TABLES.values(), ThisCall]
    return {name: field for table in tables for name, field in table.model_fields.items()}


def flag(name: str) -> str:
    """An option's name on the command line."""
    return rule(name, "flag") or f"--{name.replace('_', '-')}"


def section(name: str) -> str | None:
    """The table of the run file that holds an option; None for an option of one call."""
    holders = (word for word, table in TABLES.items() if name in table.model_fields)
    return next(holders, None)


def rule(name: str, key: str) -> Any:
    """The value of the argument `key` of `option` for this option; None if it was not given."""
    extra: Any = Options.model_fields[name].json_schema_extra
    return (extra or {}).get(key)


def parts_of(component: str) -> list[str]:
    """The options that are parameters of the score, the loss, the penalty or the optimizer."""
    return [name for name in all_options() if rule(name, "part_of") == component]


def ruled_out_by(name: str) -> set[str]:
    """The options of a run file that are dropped if this option is given another value beside it.

    >>> sorted(ruled_out_by("folds")), ruled_out_by("loss") == set(parts_of("loss"))
    (['strength', 'validation'], True)
    """
    excluded = set(rule(name, "excludes") or ())
    excluding = {other for other in all_options() if name in (rule(other, "excludes") or ())}
    return excluded | excluding | set(parts_of(name))


def chooses_by_strength(penalty: str, optimizer: str, score: str = "linear") -> bool:
    """Whether λ is chosen unless it is given: not for networks, and only where it matters.

    It does if the penalty has one, and the optimizer's result depends on it.

    >>> chooses_by_strength("l2", "auto"), chooses_by_strength("max_norm", "auto")
    (True, False)
    """
    from halfspaces.optimizers import OPTIMIZERS
    from halfspaces.penalties import PENALTIES

    if score != "linear" or not getattr(OPTIMIZERS.get(optimizer), "depends_on_strength", True):
        return False
    kind = PENALTIES.get(penalty)
    return kind is None or kind.has_strength


def check_value(name: str, value: Any, what: str | None = None) -> None:
    """Raise unless a number is within the option's bounds; `what` is the name in the message.

    >>> check_value("folds", 1)
    Traceback (most recent call last):
    ValueError: --folds must be at least 2, got 1.
    """
    from halfspaces.support.validation import check_number

    bounds: dict[str, Any] = dict(_bounds(Options.model_fields[name]))
    if value is not None and bounds:
        integer = "int" in str(Options.model_fields[name].annotation)
        check_number(what or flag(name), value, **bounds, integer=integer)


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    for limit in field.metadata:
        for key, word in BOUNDS.items():
            if hasattr(limit, key):
                yield word, getattr(limit, key)


def first_problem(error: ValidationError, source: str | None = None) -> str:
    """The first error of pydantic as one sentence of ours.

    Parameters
    ----------
    error : ValidationError
    source : str, optional
        The file that holds the value; options of the command line are called by their flags.
    """
    problem = error.errors(include_url=False)[0]
    *tables, name = map(str, problem["loc"])
    value: Any = problem["input"]
    if problem["type"] == "extra_forbidden":
        return f"{source or 'The call'} has {_unknown(tables, name)}"
    if problem["type"] == "model_type":
        return f"{source} has [{name}], which must be a table; write its options below [{name}]."
    where = f" in [{tables[0]}]" if tables else ""
    if problem["type"] in KINDS:
        given = (
            flag(name) if source is None else f"{source} has {name} = {brief(repr(value))}{where},"
        )
        must = "must be" if source is None else "which must be"
        got = f", got {brief(repr(value))}" if source is None else ""
        return f"{given} {must} {KINDS[problem['type']]}{got}."
    try:
        check_value(name, value, None if source is None else f"{source} has {name}{where}, which")
    except (TypeError, ValueError) as sentence:
        return str(sentence)
    what = flag(name) if source is None else f"{source} has {name}{where}, which"
    return f"{what} cannot be {brief(repr(value))}: {problem['msg']}."


def _unknown(tables: list[str], name: str) -> str:
    from halfspaces.system.names import nearest

    if not tables:
        return f"[{brief(name)}], which is not known: {nearest(name, TABLES)}"
    known = TABLES[tables[0]].model_fields
    return f"{brief(name)} in [{tables[0]}], which is not known: {nearest(name, known)}"
