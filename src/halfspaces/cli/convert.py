"""`halfspaces convert`."""

from contextlib import suppress
from typing import Annotated, Any

import typer


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
        float | None, typer.Option(help="λ, to translate into the library's parameters.")
    ] = None,
    penalty: Annotated[str, typer.Option(help="With --strength: l2, l1 or elastic_net.")] = "l2",
    loss: Annotated[
        str | None, typer.Option(help="Our name of the loss, if the library has several.")
    ] = None,
    n_examples: Annotated[
        float | None, typer.Option(help="N, or the sum of the sample weights.")
    ] = None,
    n_classes: Annotated[int | None, typer.Option(help="How many classes.")] = None,
) -> None:
    """Translate C, alpha, weight decay, ... of another library into a penalty with λ, or back."""
    from halfspaces.cli.screen import echo
    from halfspaces.convert import from_penalty, to_penalty
    from halfspaces.estimators.components import make_penalty

    about = {"n_examples": n_examples, "n_classes": n_classes, "loss": loss}
    if strength is None:
        own = dict(_assignment(word) for word in parameters or ())
        echo(str(to_penalty(library, **own, **about)))
    elif parameters:
        raise ValueError(
            f"--strength {strength:g} was given beside {' '.join(parameters)}; give one of them."
        )
    else:
        own = from_penalty(library, make_penalty(penalty, strength), **about)
        echo(" ".join(f"{name}={value}" for name, value in own.items()))


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
