"""Thirty hand-ins of a class, made from the solutions: right, wrong in known ways, or harmful.

Each has the exercise, edits of its solution, the checks that are not right with the key of what to
look at, and a piece of the line that the verdict names.
"""

from typing import NamedTuple

from halfspaces.course.exercises import EXERCISES

SVM, SOFTMAX = "svm_loss", "softmax_loss"
NAIVE, VECTORIZED = "svm_loss_naive", "svm_loss_vectorized"
OF_NAIVE = (f"{NAIVE}.loss", f"{NAIVE}.gradient")
OF_VECTORIZED = tuple(f"{VECTORIZED}.{aspect}" for aspect in ("loss", "gradient", "vectorized"))
OF_SVM = (*OF_NAIVE, *OF_VECTORIZED)
LOOP = """    loss = 0.0
    dW = np.zeros(W.shape)
    for i in range(len(y)):
        scores = X[i] @ W
"""


class Made(NamedTuple):
    """A hand-in and the verdict that it should have."""

    exercise: str
    edits: tuple[tuple[str, str], ...] = ()
    wrong: dict[str, str] = {}  # noqa: RUF012 - a check: the remark's key, or the doctor's hint
    line: str = ""
    text: str | None = None  # in place of the edited solution

    @property
    def source(self):
        """The code."""
        if self.text is not None:
            return self.text
        text = EXERCISES[self.exercise].solution("en")
        for old, new in self.edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        return text


def all_of(checks, key):
    return dict.fromkeys(checks, key)


def at_top(code):
    """An edit that puts a statement after the import of NumPy."""
    return (("import numpy as np\n", f"import numpy as np\n\n{code}\n"),)


# Right ones, as different people write them.
RIGHT = {
    "right_svm": Made(SVM),
    "right_softmax": Made(SOFTMAX),
    "right_check": Made("gradient_check"),
    "right_search": Made(
        "random_search", (("0.01 * rng.standard_normal(shape)", "np.random.randn(*shape)"),)
    ),
    "right_sgd_by_epochs": Made(
        "sgd",
        (
            (
                "    for _ in range(steps):\n"
                "        rows = rng.choice(len(y), batch_size, replace=False)",
                "    for step in range(steps):\n"
                "        place = step * batch_size % len(y)\n"
                "        order = rng.permutation(len(y)) if place == 0 else order\n"
                "        rows = order[place : place + batch_size]",
            ),
        ),
    ),
    "right_features": Made("features"),
    "loops_over_classes": Made(
        SVM,
        (
            (
                "    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)",
                "    margins = np.zeros(scores.shape)\n"
                "    for j in range(W.shape[1]):\n"
                "        margins[:, j] = np.maximum(0, scores[:, j] - scores[rows, y] + 1)",
            ),
        ),
    ),
    "prints_garbage": Made(
        SVM,
        at_top(
            'print("verdict: right" * 1000)\nprint(\'{"result": {"value": 5}}\')\n'
            'print("\\x1b[31m\\x00\\udcff 100 points")'
        ),
    ),
}
WRONG = {
    "margin_at_y": Made(
        SVM,
        (("            if j == y[i]:\n                continue\n", ""),),
        {f"{NAIVE}.loss": "loss_margin_at_y"},  # x is added and subtracted: the gradient is right
        f"def {NAIVE}",
    ),
    "margin_at_y_in_the_gradient": Made(
        SVM,
        (("slopes[rows, y] = -slopes.sum(axis=1)", "slopes[rows, y] = -slopes.sum(axis=1) - 1"),),
        {f"{VECTORIZED}.gradient": "margin at y"},
        f"def {VECTORIZED}",
    ),
    "not_divided": Made(
        SVM,
        (
            (
                "return loss / len(y) + reg * np.sum(W * W), dW / len(y)",
                "return loss + reg * np.sum(W * W), dW",
            ),
        ),
        {f"{NAIVE}.loss": "loss_sum", f"{NAIVE}.gradient": "gradient_of_wrong_loss"},
    ),
    "gradient_not_divided": Made(
        SVM, (("dW / len(y) + 2", "dW + 2"),), {f"{NAIVE}.gradient": "factor N"}
    ),
    "no_penalty": Made(
        SVM,
        (("margins.sum() / len(y) + reg * np.sum(W * W)", "margins.sum() / len(y)"),),
        {
            f"{VECTORIZED}.loss": "loss_no_penalty",
            f"{VECTORIZED}.vectorized": "loss_no_penalty",
        },
    ),
    "penalty_without_2": Made(
        SVM,
        (("dW / len(y) + 2 * reg * W", "dW / len(y) + reg * W"),),
        {f"{NAIVE}.gradient": "penalty"},
    ),
    "subtracted_once": Made(
        SVM,
        (("slopes[rows, y] = -slopes.sum(axis=1)", "slopes[rows, y] = -1.0"),),
        {f"{VECTORIZED}.gradient": "right class"},
    ),
    "a_loop_over_examples": Made(
        SVM,
        (
            (
                "    slopes[rows, y] = -slopes.sum(axis=1)",
                "    for i in rows:\n        slopes[i, y[i]] = -slopes[i].sum()",
            ),
        ),
        {f"{VECTORIZED}.vectorized": "loop"},
        "for i in rows",
    ),
    "a_wrong_shape": Made(
        SVM,
        (("X.T @ slopes / len(y)", "X @ slopes / len(y)"),),
        all_of(OF_VECTORIZED, "exception"),
        "X @ slopes",
    ),
    "overflow": Made(
        SOFTMAX,
        (("shifted = scores - scores.max(axis=1, keepdims=True)", "shifted = scores"),),
        {"probabilities.large": "probabilities_large", "softmax_loss.large": "loss_large"},
        "def probabilities",
    ),
    "the_wrong_axis": Made(
        SOFTMAX,
        (("exponentials.sum(axis=1, keepdims=True)", "exponentials.sum(axis=0, keepdims=True)"),),
        {
            "probabilities.values": "axis",
            "probabilities.large": "axis",
            "softmax_loss.gradient": "axis",
            "softmax_loss.large": "axis",
        },
    ),
    "base_ten": Made(
        SOFTMAX,
        (
            (
                "losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, y]",
                "losses = -np.log10(probabilities(scores)[rows, y])",
            ),
        ),
        {
            "softmax_loss.loss": "loss_log10",
            "softmax_loss.vectorized": "loss_log10",
            "softmax_loss.large": "loss_log10",
        },
    ),
    "one_sided": Made(
        "gradient_check",
        (("below[place] -= h", "below[place] -= 0"), ("/ (2 * h)", "/ h")),
        {"numerical_gradient.centred": "one_sided"},
    ),
    "an_absolute_tolerance": Made(
        "gradient_check",
        (
            (
                "return relative_error(gradient(W), numerical_gradient(f, W)) < 1e-5",
                "return bool(np.abs(gradient(W) - numerical_gradient(f, W)).max() < 1e-4)",
            ),
        ),
        {
            "gradient_is_right.refuses": "accepts_wrong",
            "gradient_is_right.accepts": "refuses_right",
        },
    ),
    "the_last_one": Made(
        "random_search",
        (
            (
                "        if value < least:\n            least = value\n            best = W",
                "        least = min(value, least)\n        best = W",
            ),
        ),
        {"random_search.best": "best_last", "random_search.accuracy": "accuracy_low"},
    ),
    "labels_of_other_rows": Made(
        "sgd",
        (("loss(W, X[rows], y[rows])", "loss(W, X[rows], rng.choice(y, batch_size))"),),
        {"sgd.batches": "batch_labels", "sgd.loss": "loss_reached"},
    ),
    "uphill": Made(
        "sgd",
        (("W - step_size", "W + step_size"),),
        {"sgd.steps": "step_uphill", "sgd.loss": "loss_reached"},
    ),
    "signed_orientations": Made(
        "features",
        (("angle = np.arctan2(gy, gx) % np.pi", "angle = np.arctan2(gy, gx) % (2 * np.pi) / 2"),),
        {"orientation_histogram.edges": "edge_bin", "orientation_histogram.turned": "negative"},
    ),
    "half_done": Made(
        SVM,
        (("    rows = np.arange(len(y))\n", f'    raise NotImplementedError("{VECTORIZED}")\n'),),
        all_of(OF_VECTORIZED, "not_done"),
        "raise NotImplementedError",
    ),
    "changes_W": Made(
        "sgd",
        (("    W = W.copy()\n", ""), ("W = W - step_size * gradient", "W -= step_size * gradient")),
        all_of(("sgd.batches", "sgd.steps", "sgd.loss"), "changes"),
    ),
}
HARMFUL = {
    "an_endless_loop": Made(
        SVM,
        ((LOOP, LOOP.replace("for i in range(len(y)):", "i = 0\n    while i < len(y):")),),
        all_of(OF_NAIVE, "time"),
        "",
    ),
    "a_memory_eater": Made(
        SVM,
        (
            (
                LOOP,
                f"    kept = []\n    while True:\n        kept.append(np.empty(10**6))\n{LOOP}",
            ),
        ),
        all_of(OF_NAIVE, "memory"),
        "kept.append",
    ),
    "imports_the_library": Made(
        SVM,
        at_top("from halfspaces.course import solutions"),
        all_of(OF_SVM, "import"),
        "from halfspaces",
    ),
    "exits": Made(SVM, at_top("exit(0)"), all_of(OF_SVM, "exit"), "exit(0)"),
    "empty": Made("", (), {"": "empty"}, "", ""),
}
HARMFUL_TOO = {
    "imports_os": Made(
        SVM,
        (("    rows = np.arange(len(y))\n", "    import os\n\n    rows = np.arange(len(y))\n"),),
        all_of(OF_VECTORIZED, "import"),
        "import os",
    ),
    "hides_the_import": Made(
        SVM,
        at_top("try:\n    import torch\nexcept BaseException:\n    torch = None"),
        all_of(OF_SVM, "import"),
        "import torch",
    ),
    "prints_without_end": Made(
        SVM, at_top("while True:\n    print('right')"), all_of(OF_SVM, "output"), "print('right')"
    ),
    "reads_a_file": Made(
        SVM, at_top("text = open('/etc/hosts').read()"), all_of(OF_SVM, "file"), "open("
    ),
    "replaces_numpy": Made(
        SVM, at_top("np.maximum = lambda a, b: b"), all_of(OF_SVM, "changed"), ""
    ),
    "writes_into_the_channel": Made(
        SVM,
        at_top("for n in range(3, 9):\n    open(n, 'wb', closefd=False)"),
        all_of(OF_SVM, "file"),
        "open(n",
    ),
    "no_python": Made(
        SVM,
        (("    rows = np.arange(len(y))\n", "    rows = = np.arange(len(y))\n"),),
        all_of(OF_SVM, "syntax"),
        "rows = =",
    ),
    "deep_recursion": Made(
        SVM, ((LOOP, f"    {NAIVE}(W, X, y, reg)\n{LOOP}"),), all_of(OF_NAIVE, "exception"), NAIVE
    ),
    "returns_too_much": Made(
        SVM,
        (("    rows = np.arange(len(y))\n", "    return 0, np.zeros((4000, 4000))\n"),),
        all_of(OF_VECTORIZED, "large"),
        f"def {VECTORIZED}",
    ),
    "returns_no_numbers": Made(
        SVM,
        (("    rows = np.arange(len(y))\n", "    return np.array(['a']), {1: print}\n"),),
        all_of(OF_VECTORIZED, "number"),
        f"def {VECTORIZED}",
    ),
    "returns_nothing": Made(
        SVM,
        (("    return loss / len(y)", "    done = loss / len(y)"),),
        all_of(OF_NAIVE, "none"),
        f"def {NAIVE}",
    ),
    "another_name": Made(
        SVM,
        ((f"def {VECTORIZED}", "def svm_loss_fast"),),
        all_of(OF_VECTORIZED, "missing"),
        "",
    ),
    "sleeps": Made(
        SVM, at_top("import time\n\ntime.sleep(1000)"), all_of(OF_SVM, "sleep"), "time.sleep"
    ),
}
CLASS = {**RIGHT, **WRONG, **HARMFUL}
