"""A user's function of a loss and its gradient: how it is called, and with which W and data."""

import inspect
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from halfspaces.gradcheck.made_up import Data, as_tensors, trials
from halfspaces.gradcheck.parameters import Layout, Parameters, scalar, shapes_of
from halfspaces.gradcheck.unfit import ReturnError, ValueProblem, is_sparse, more_telling, reason

# What the parameters of a function are called, in lower case.
ROLES: Mapping[str, tuple[str, ...]] = {
    "weights": ("w", "weights", "weight", "theta", "params", "parameters", "coef", "beta"),
    "bias": ("b", "bias", "intercept"),
    "X": ("x", "data", "features", "images", "inputs", "x_batch", "x_train", "xs"),
    "y": ("y", "labels", "target", "targets", "y_batch", "y_train", "y_true", "ys"),
    "strength": (
        "reg",
        "lam",
        "lamb",
        "lambda",
        "lambda_",
        "lambd",
        "strength",
        "l2",
        "l2_reg",
        "weight_decay",
        "regularization",
        "reg_strength",
    ),
    "scores": ("scores", "score", "logits", "s", "z"),
}


NO_DATA = Data()
_DATA = ("X", "y", "strength")


@dataclass(frozen=True)
class UserFunction:
    """A loss and its gradient at W, as functions of the parameters and of the data.

    Parameters
    ----------
    name : str
        Its name and arguments, such as "svm_loss(W, X, y, reg)".
    W : parameters
        Where it is checked.
    call : callable
        Takes parameters like W and `Data`; returns the value and the gradient.
    data : Data
        X, y and the strength of the penalty.
    by_rows : bool
        Whether X has an example a row and W a class a column.
    value, slopes : callable, optional
        The same as `call`, apart, where the gradient is a function of its own.
    """

    name: str
    W: Parameters
    call: Callable[[Parameters, Data], tuple[Any, Parameters]]
    data: Data = NO_DATA
    by_rows: bool = True
    value: Callable[[Parameters, Data], Any] | None = None
    slopes: Callable[[Parameters, Data], Parameters] | None = None

    def f(self, W: Parameters) -> Any:
        """The value at W."""
        return self.call(W, self.data)[0] if self.value is None else self.value(W, self.data)

    def gradient(self, W: Parameters) -> Parameters:
        """The gradient at W."""
        return self.call(W, self.data)[1] if self.slopes is None else self.slopes(W, self.data)

    def with_call(
        self, call: Callable[[Parameters, Data], tuple[Any, Parameters]]
    ) -> "UserFunction":
        """With another value and gradient."""
        return replace(self, call=call, value=None, slopes=None)

    def with_data(self, **changes: Any) -> "UserFunction":
        """The same function of other data."""
        return replace(self, data=self.data._replace(**changes))

    def rows(self, index: Any) -> "UserFunction":
        """The same function of some of the examples."""
        X = self.data.X
        if X is not None:
            X = X[index] if self.by_rows else X[:, index]
        return self.with_data(X=X, y=self.data.y[index])


def of_function(
    function: Callable[..., Any],
    W: Parameters = None,
    gradient: Callable[..., Any] | None = None,
    *,
    seed: int = 0,
    **arguments: Any,
) -> UserFunction:
    """Find out how a function is called; make up W and data unless they are given.

    A function is called with W alone, or with arguments whose names say what they are: W, b, X, y,
    reg, or scores and y. Made-up data have 20 examples, 24 features and 5 classes, with X (N, D)
    and W (D, C), X (D, N) and W (C, D), or labels 0 and 1 and w (D,): the first that fit.

    Raises
    ------
    TypeError
        If an argument's name says nothing and has no value, or the function returns no gradient.
    ValueError
        If W is needed and not given.
    """
    if gradient is not None and not callable(gradient):
        raise TypeError(
            "diagnose(gradient=...) must be a function; check_gradient takes the value at W, too."
        )
    if W is not None:
        layout = Layout.of(W, None)
        W = layout.unpack(layout.pack_real(W, "W"))
    roles = _roles(function, arguments, alone=W is not None or gradient is not None)
    name = f"{getattr(function, '__name__', 'f')}({', '.join(roles)})"
    if any(map(is_sparse, arguments.values())):
        return _of_sparse(function, gradient, name, W, arguments)
    if set(roles.values()) <= {"weights"}:
        if W is None:
            raise ValueError(
                f"{name} takes parameters alone: give W, where to check it, or let it take "
                "X and y, too."
            )
        return _of_parameters(function, gradient, name, W, arguments)
    # A parameter with a value is not checked: it is an argument like any other.
    roles = {key: role for key, role in roles.items() if key not in arguments or role in _DATA}
    given = {role: arguments[key] for key, role in roles.items() if key in arguments}
    others = {key: value for key, value in arguments.items() if key not in roles}
    names = tuple(key for key, role in roles.items() if role in ("weights", "bias", "scores"))
    if isinstance(W, list | tuple) and len(W) == len(names) > 1:
        W = dict(zip(names, W, strict=True))
    if W is not None and names:
        given["scores" if "scores" in roles.values() else "weights"] = W
    call = Call(function, gradient, roles, names, others, name)
    return _first_that_fits(call, given, seed)


def _roles(
    function: Callable[..., Any], arguments: Mapping[str, Any], *, alone: bool
) -> dict[str, str]:
    """The role of each required argument, and of optional ones whose names are known."""
    known = {name: role for role, names in ROLES.items() for name in names}
    parameters = inspect.signature(function).parameters.values()
    usual = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in usual if p.default is p.empty]
    if alone and len(required) == 1:
        return {required[0].name: "weights"}
    required = [p for p in required if p.name not in arguments]
    if alone and len(required) == 1:
        known[required[0].name.lower()] = "weights"
    roles: dict[str, str] = {}
    for parameter in usual:
        role = known.get(parameter.name.lower())
        if role is not None:
            roles[parameter.name] = role
        elif parameter in required:
            title = getattr(function, "__name__", "The function")
            raise TypeError(
                f"{title} has the argument {parameter.name!r}, of which nothing is known: give it "
                "a value, or call it W, b, X, y, reg or scores."
            )
    if "weights" not in roles.values() and "bias" not in roles.values():
        # Of layers that are called with x and y, x holds the scores.
        roles = {key: "scores" if role == "X" else role for key, role in roles.items()}
    return roles


def _of_parameters(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    name: str,
    W: Parameters,
    arguments: Mapping[str, Any],
) -> UserFunction:
    """A function of parameters alone, called by position."""

    def value(W: Parameters, _: Data) -> Any:
        return function(W, **arguments)

    if gradient is None:
        return UserFunction(name, W, lambda W, data: _value_and_gradient(value(W, data), W, name))
    slopes = gradient

    def slopes_of(W: Parameters, _: Data) -> Parameters:
        return slopes(W, **arguments)

    def call(W: Parameters, data: Data) -> tuple[Any, Parameters]:
        return value(W, data), slopes_of(W, data)

    return UserFunction(name, W, call, value=value, slopes=slopes_of)


def _of_sparse(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    name: str,
    W: Parameters,
    arguments: Mapping[str, Any],
) -> UserFunction:
    """A function of W, the first argument that is not given, and of data as a whole."""
    names = [p for p in inspect.signature(function).parameters if p not in arguments]
    if W is None or not names:
        raise ValueError(f"{name}: X is sparse; give W, too, where to check it, or X.toarray().")

    def value(V: Parameters) -> Any:
        return function(**{names[0]: V}, **arguments)

    def slopes(V: Parameters) -> Any:
        assert gradient is not None
        return gradient(**{names[0]: V}, **arguments)

    subject = _of_parameters(value, slopes if gradient else None, name, W, {})
    try:
        subject.call(subject.W, subject.data)
    except Exception as error:
        words = f"{type(error).__name__}: {error}".rstrip(".")
        raise TypeError(
            f"{name} does not take the sparse X ({words}): give X.toarray()."
        ) from error
    return subject


def _value_and_gradient(result: Any, W: Parameters, name: str) -> tuple[Any, Parameters]:
    """(value, gradient) as returned, or the gradient that torch derives from the value."""
    if isinstance(result, tuple | list) and len(result) >= 2:
        value, *gradients = result
        return value, gradients[0] if len(gradients) == 1 else gradients
    if getattr(result, "requires_grad", False):
        return result, _derived(result, W)
    raise ReturnError(
        f"{name} returns no gradient: return (value, gradient), or give the gradient as a function."
    )


def _derived(value: Any, W: Parameters) -> Parameters:
    import torch

    tensors = list(W.values()) if isinstance(W, Mapping) else W
    several = isinstance(tensors, list | tuple)
    slopes = torch.autograd.grad(value, list(tensors) if several else [tensors], allow_unused=True)
    filled = [
        torch.zeros_like(tensor) if slope is None else slope
        for slope, tensor in zip(slopes, tensors if several else [tensors], strict=True)
    ]
    if isinstance(W, Mapping):
        return dict(zip(W, filled, strict=True))
    return filled if several else filled[0]


@dataclass(frozen=True)
class Call:
    """A function whose arguments have roles."""

    function: Callable[..., Any]
    gradient: Callable[..., Any] | None
    roles: Mapping[str, str]
    names: tuple[str, ...]  # of the parameters
    others: Mapping[str, Any]
    title: str

    def __call__(self, W: Parameters, data: Data) -> tuple[Any, Parameters]:
        """The value and the gradient."""
        result = self.result(W, data)
        if self.gradient is not None:
            return result, self.slopes(W, data)
        if isinstance(result, tuple | list) and len(result) >= 2:
            return result[0], self._like(W, list(result[1:]))
        return _value_and_gradient(result, W, self.title)

    def result(self, W: Parameters, data: Data) -> Any:
        """What the function returns: the value, where the gradient is a function of its own."""
        return self._called(self.function, W, data)

    def slopes(self, W: Parameters, data: Data) -> Parameters:
        """The gradient, as a function of its own."""
        assert self.gradient is not None
        return self._like(W, [self._called(self.gradient, W, data)])

    def _called(self, function: Callable[..., Any], W: Parameters, data: Data) -> Any:
        parts = dict(zip(self.roles.values(), self.roles, strict=True))
        values = dict(self.others)
        for role, value in (("X", data.X), ("y", data.y), ("strength", data.strength)):
            if role in parts:
                values[parts[role]] = value
        for key in self.names:
            values[key] = W[key] if self._is_named(W) else W
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(**values)

    def _is_named(self, W: Parameters) -> bool:
        return isinstance(W, Mapping) and set(W) == set(self.names)

    def _like(self, W: Parameters, gradients: list[Any]) -> Parameters:
        """Gradients in the structure of W, from an array, a tuple or a mapping."""
        if not self._is_named(W):
            return gradients[0]
        first = gradients[0]
        if isinstance(first, Mapping):
            return {name: first[name if name in first else f"d{name}"] for name in W}
        if isinstance(first, tuple | list) and len(first) == len(W):
            gradients = list(first)
        if len(gradients) < len(W):
            needed = ", ".join(f"d{name}" for name in W)
            raise ReturnError(f"{self.title} must return the value and {needed}.")
        return dict(zip(W, gradients, strict=False))


def _first_that_fits(call: Call, given: Mapping[str, Any], seed: int) -> UserFunction:
    """The first trial whose value is one number and whose gradient has the shape of W."""
    combinations = [*trials(call.roles, given, np.random.default_rng(seed))]
    if "torch" in sys.modules:
        combinations += [as_tensors(trial) for trial in combinations]
    almost: UserFunction | None = None
    problem: Exception | None = None
    for trial in combinations:
        subject = UserFunction(call.title, trial.W, call, trial.data, trial.by_rows)
        if call.gradient is not None:
            subject = replace(subject, value=call.result, slopes=call.slopes)
        try:
            value, gradient = subject.call(trial.W, trial.data.copied())
            _check_value(value)
            fits = shapes_of(gradient) == shapes_of(trial.W)
        except Exception as error:
            problem = more_telling(problem, error, call.function)
            continue
        if fits:
            return _with_labels_that_fit(subject) if "y" not in given else subject
        almost = almost or subject
    if almost is not None:
        return almost
    if isinstance(problem, ReturnError):
        raise problem
    raise TypeError(f"{call.title} cannot be checked: {reason(problem, given)}.") from problem


def _check_value(value: Any) -> None:
    """Raise ValueProblem unless a value is one finite number."""
    try:
        number = scalar(value)
    except TypeError as error:
        raise ValueProblem(str(error)) from None
    if not np.isfinite(number):
        raise ValueProblem(f"its value is {number}")


def _with_labels_that_fit(subject: UserFunction) -> UserFunction:
    """Labels of two classes are 0 and 1, or −1 and 1: those that large right scores make cheap."""
    if subject.data.X is None or subject.data.y is None:
        return subject
    y: Any = np.asarray(subject.data.y)
    if set(np.unique(y)) != {0, 1} or len(y) != y.size:
        return subject
    signs = subject.with_data(y=2 * subject.data.y - 1)
    X = np.asarray(subject.data.X) if subject.by_rows else np.asarray(subject.data.X).T
    direction = np.linalg.lstsq(X, 30.0 * (2 * y.ravel() - 1), rcond=None)[0]
    W = dict(subject.W)
    name = next(name for name, array in W.items() if math.prod(np.shape(array)) == direction.size)
    like = W[name]
    far = direction.reshape(np.shape(like))
    W[name] = far
    if hasattr(like, "new_tensor"):
        W[name] = like.new_tensor(far).requires_grad_(like.requires_grad)
    cost, other = (abs(scalar(each.call(W, each.data.copied())[0])) for each in (subject, signs))
    return signs if other < cost / 10 else subject
