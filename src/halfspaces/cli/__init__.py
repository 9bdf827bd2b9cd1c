"""The command line: a thin client of the public API."""

import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from halfspaces.cli import data as data_commands
from halfspaces.cli import features as feature_commands

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden.",
)
app.add_typer(data_commands.app, name="data")
app.add_typer(feature_commands.app, name="features")

DataArgument = Annotated[
    str,
    typer.Argument(
        help="'digits', a name of `halfspaces data list`, or a folder, file or address: images in one folder "
        "a class (or .tar or .zip of it), CIFAR, MNIST-like, .npz, .npy, Parquet, Arrow, HDF5, Hugging Face, svmlight."
    ),
]
LabelOption = Annotated[
    str | None,
    typer.Option(
        "--label",
        help="Column of a table with the classes, 'label', 'y', ... unless given; or fine or coarse of CIFAR-100.",
    ),
]
ModelArgument = Annotated[
    Path, typer.Argument(help="A .safetensors file that `halfspaces train --out` wrote.")
]
MemoryOption = Annotated[
    str | None,
    typer.Option("--memory", help="Keep within so much, such as 2GB: larger data stay on disk."),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out files that are no image, and count them.")
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Worker threads; all cores unless given.")
]


def _version(asked: bool) -> None:
    if asked:
        import halfspaces

        typer.echo(f"halfspaces {halfspaces.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def train(
    ctx: typer.Context,
    data: DataArgument = "digits",
    label: LabelOption = None,
    loss: Annotated[
        str, typer.Option(help="softmax, hinge, squared_hinge, crammer_singer, ova_hinge, ...")
    ] = "softmax",
    margin: Annotated[
        float | None, typer.Option(help="Δ of a margin loss; 1 unless given.")
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="ε of softmax; 0 unless given.")
    ] = None,
    penalty: Annotated[str, typer.Option(help="l2, l1, elastic_net, max_norm or none.")] = "l2",
    strength: Annotated[
        float | None, typer.Option(help="λ; chosen on held-out rows unless given.")
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option(
            help="How many λ to try (10), from the largest of use down, or a list: 1,0.1,0.01."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Choose λ by cross-validation with so many folds; on validation rows unless given."
        ),
    ] = None,
    radius: Annotated[float | None, typer.Option(help="r of max_norm; 1 unless given.")] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            help="auto, lbfgs, gradient_descent, sgd, proximal, proximal_newton or random_search."
        ),
    ] = "auto",
    update_rule: Annotated[
        str | None,
        typer.Option(
            help="sgd, gradient_descent: plain, momentum, nesterov, adagrad, rmsprop or adam."
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="sgd, gradient_descent: constant, step, cosine, inverse_time or warm_up."
        ),
    ] = None,
    step_size: Annotated[
        str | None,
        typer.Option(help="sgd, gradient_descent: a number; sgd: or 'find' for a range test."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="sgd: examples a minibatch (256).")] = None,
    epochs: Annotated[int | None, typer.Option(help="sgd: passes over the examples (10).")] = None,
    draws: Annotated[
        int | None, typer.Option(help="random_search: how many W to try (1000).")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="random_search: draw around the best so far.")
    ] = False,
    class_weight: Annotated[
        str | None, typer.Option(help="'balanced': each class counts the same.")
    ] = None,
    standardize: Annotated[
        bool, typer.Option(help="Bring features to mean 0 and variance 1.")
    ] = True,
    validation: Annotated[
        float | None,
        typer.Option(help="Part of the training rows on which λ is chosen; 0.1 unless given."),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            help="temperature or sigmoid: probabilities for any loss, learned on held-out rows."
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            help="Resize images to this: a side, or HEIGHTxWIDTH; 32 if they have many sizes."
        ),
    ] = None,
    skip_bad: SkipOption = False,
    features: Annotated[
        str | None,
        typer.Option(
            help="Train on what describes the images: hog+hue, patches, ...; see `halfspaces features list`."
        ),
    ] = None,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="With --features: train on the mirror images, too. Not for text."
        ),
    ] = False,
    shift: Annotated[
        int | None,
        typer.Option(
            help="With --features: train on a copy of each image, too, moved by up to so many pixels."
        ),
    ] = None,
    cache_features: Annotated[
        bool,
        typer.Option(
            "--cache-features", help="Keep the described images on disk for the next run."
        ),
    ] = False,
    tol: Annotated[
        float, typer.Option(help="Stop within this part of the loss above its minimum, proved.")
    ] = 1e-3,
    max_passes: Annotated[float, typer.Option(help="Limit on visits to all examples.")] = 1000,
    jobs: JobsOption = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of the rows held out to choose λ, of --shift, and of optimizers that draw."
        ),
    ] = None,
    sanity: Annotated[
        bool, typer.Option("--sanity", help="First check loss and gradient on this data.")
    ] = False,
    memory: MemoryOption = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Keep the run in this folder: killed at any moment, it can go on."),
    ] = None,
    every: Annotated[
        float | None, typer.Option(help="Seconds from one checkpoint to the next (60).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from --checkpoint, if it holds a run.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Save the model here, one .safetensors file; its run file goes beside it."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Repeat the run of this .run.toml or model; options beside it override it."
        ),
    ] = None,
) -> None:
    """Train a linear classifier on all training rows and report it. λ is chosen on rows held out unless it is given."""
    from halfspaces.cli import run_options
    from halfspaces.cli.train import Recipe, train

    if run is not None:
        ctx.obj = run_options.trained_on(ctx, run)
        ctx.params = run_options.options(ctx, _train, run)
        here: dict[str, Any] = {"jobs": jobs, "sanity": sanity, "memory": memory, "out": out}
        here["cache_features"] = cache_features
        _train(ctx, **ctx.params, **here, checkpoint=checkpoint, every=every, resume=resume)
        return
    options = {
        "update_rule": update_rule,
        "schedule": schedule,
        "step_size": step_size,
        "batch_size": batch_size,
        "epochs": epochs,
        "draws": draws,
        "local": local or None,
    }
    recipe = Recipe(
        loss=loss,
        loss_options={"margin": margin, "label_smoothing": label_smoothing},
        penalty=penalty,
        strength=strength,
        strengths=strengths,
        folds=folds,
        radius=radius,
        optimizer=optimizer,
        optimizer_options={name: value for name, value in options.items() if value is not None},
        fit_options={
            "class_weight": class_weight,
            "standardize": standardize,
            "tol": tol,
            "max_passes": max_passes,
            "n_jobs": jobs,
        },
        validation=validation,
        calibrate=calibrate,
        sanity=sanity,
        label=label,
        image_size=image_size,
        skip_bad=skip_bad,
        features=features,
        flip=flip,
        shift=shift,
        cache_features=cache_features,
        seed=seed,
        memory=memory,
        checkpoint=checkpoint,
        every=every,
        resume=resume,
    )
    train(
        data,
        recipe,
        out,
        options={name: ctx.params.get(name) for name in run_options.known(_train)},
        before=ctx.obj,
    )


_train = train  # which its own import of the recipe's hides


@app.command()
def evaluate(
    model: ModelArgument,
    data: DataArgument = "digits",
    label: LabelOption = None,
    skip_bad: SkipOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
) -> None:
    """Accuracy of a saved model, whole and by class, on the test rows (or all rows where there is no test split)."""
    import halfspaces
    from halfspaces.cli import model_data, prediction_table, report
    from halfspaces.cli.train import memory_bytes

    budget = None if memory is None else memory_bytes(memory)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    with report.reading(data):
        dataset = model_data.open_dataset(classifier, data, label, budget, skip_bad=skip_bad)
    part, X, y = "all", dataset.X, dataset.y
    if dataset.X_test is not None and dataset.y_test is not None:
        part, X, y = "test", dataset.X_test, dataset.y_test
    labels = model_data.labels(classifier, dataset, y)
    predicted = prediction_table.labels(classifier, model_data.rows(classifier, dataset, X))
    report.model(classifier, model)
    report.notes(dataset)
    report.unknown(labels)
    report.accuracies({part: report.accuracy(labels.y, predicted)})
    report.classes(labels.y, predicted, labels.names, part)


@app.command()
def info(model: ModelArgument) -> None:
    """What a saved model is: its loss and classes, the features it takes, its strength, its accuracy in training."""
    import halfspaces
    from halfspaces.cli import report

    classifier = halfspaces.load(model)
    report.model(classifier, model)
    report.noted(classifier)


@app.command()
def predict(
    model: ModelArgument,
    data: Annotated[
        str, typer.Argument(help="As for train, or X alone; test rows where there is a test split.")
    ],
    label: LabelOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write here: .csv, .parquet, or .jsonl (or .json), an object a line."),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column for each class.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            help="Add the K best classes with probabilities, or scores if there are none."
        ),
    ] = None,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
) -> None:
    """Predict a label for each row: row, label, and what else is asked for; CSV on the screen unless --out is given."""
    import halfspaces
    from halfspaces.cli import model_data, prediction_table, report
    from halfspaces.cli.train import check_out, memory_bytes

    check_out(out)
    prediction_table.check_format(out)
    budget = None if memory is None else memory_bytes(memory)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    columns = prediction_table.Columns(classifier, probabilities=probabilities, top=top)
    with report.reading(data):
        X = model_data.open_features(classifier, data, label, budget)
    prediction_table.write(columns, X, out)


@app.command()
def export(
    model: ModelArgument,
    to: Annotated[
        str,
        typer.Option(help="onnx, torch (weights as .safetensors), sklearn or numpy (Python code)."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write here; code is shown unless given.")
    ] = None,
) -> None:
    """Export a saved model to another library; its labels and probabilities stay the same, and no pickle is written."""
    import halfspaces
    from halfspaces.cli import report
    from halfspaces.cli.train import check_out
    from halfspaces.files import export as exporting
    from halfspaces.files.atomic import write_whole

    check_out(out)
    content = exporting.exported(halfspaces.load(model), to, model=model)
    suffix = exporting.SUFFIXES[to]
    if out is None and suffix is None:
        typer.echo(content.decode(), nl=False)
        return
    path = model.with_suffix(suffix or ".py") if out is None else out
    write_whole(path, content)
    report.exported(to, path)


@app.command()
def gradcheck(
    seed: Annotated[int, typer.Option(min=0, help="Of the random problem.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the reports in full.")] = False,
) -> None:
    """Check every registered loss and penalty: gradients, proxes, chance-level losses, overfitting 20 examples."""
    from halfspaces.cli import report

    if not report.gradient_checks(seed, verbose=verbose):
        raise typer.Exit(1)


@app.command()
def convert(
    library: Annotated[
        str,
        typer.Argument(help="sklearn.LogisticRegression, liblinear, torch.optim.SGD, glmnet, ..."),
    ],
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="Its own parameters, such as C=1."),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="λ, to be told the library's parameters instead.")
    ] = None,
    penalty: Annotated[str, typer.Option(help="With --strength: l2, l1 or elastic_net.")] = "l2",
    loss: Annotated[
        str | None, typer.Option(help="Of ours, where the library has several.")
    ] = None,
    n_examples: Annotated[
        float | None, typer.Option(help="N, or the sum of the sample weights.")
    ] = None,
    n_classes: Annotated[int | None, typer.Option(help="How many classes.")] = None,
) -> None:
    """Translate another library's C, alpha, weight decay, ... into a penalty with its λ, or back."""
    from halfspaces.convert import from_penalty, to_penalty
    from halfspaces.estimators.components import make_penalty

    about = {"n_examples": n_examples, "n_classes": n_classes, "loss": loss}
    if strength is None:
        typer.echo(
            to_penalty(library, **dict(_assignment(word) for word in parameters or ()), **about)
        )
    elif parameters:
        raise ValueError(
            f"--strength {strength:g} was given beside {' '.join(parameters)}; give one of them."
        )
    else:
        own = from_penalty(library, make_penalty(penalty, strength), **about)
        typer.echo(" ".join(f"{name}={value}" for name, value in own.items()))


def _assignment(word: str) -> tuple[str, Any]:
    """A parameter and its value, a number where it looks like one.

    >>> _assignment("C=1"), _assignment("penalty=l1")
    (('C', 1), ('penalty', 'l1'))
    """
    name, equals, value = word.partition("=")
    if not (name and equals):
        raise ValueError(f"Parameters must be NAME=VALUE, such as C=1, got {word!r}.")
    for number in (int, float):
        with suppress(ValueError):
            return name, number(value)
    return name, value


def main() -> None:
    """Run the command line; a known error is one sentence and exit code 2."""
    from halfspaces.cli import report

    warnings.simplefilter("ignore")  # convergence is told in the report
    try:
        code = app(standalone_mode=False) or 0
        if code == 130:  # typer's answer to Ctrl-C
            report.error("Interrupted; nothing was saved.")
        sys.exit(code)
    except BrokenPipeError:  # the reader of our output is gone
        sys.stdout = None
        sys.exit(141)
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as problem:
        report.error(_sentence(problem))
        sys.exit(2)
    except Exception as problem:
        words = getattr(problem, "format_message", None)
        if words is None:
            raise
        report.error(f"{_sentence(ValueError(words())).rstrip('.')}; see halfspaces --help.")
        sys.exit(2)


def _sentence(problem: BaseException) -> str:
    text: Any = str(problem) or type(problem).__name__
    return " ".join(text.split())
