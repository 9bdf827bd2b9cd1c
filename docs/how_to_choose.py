"""Write docs/how-to-choose.md from the rules of `choose` and the tables here.

python docs/how_to_choose.py
"""

from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from halfspaces.optimizers.choose import RULES

PAGE = Path(__file__).with_name("how-to-choose.md")

LOSSES = {
    "softmax": "The default: it gives probabilities, and its score differences are log odds.",
    "hinge": "A multiclass SVM: examples beyond the margin no longer count. "
    "Ahead of softmax on digits (97.9 against 96.5 %), behind on CIFAR-10 (40.4 against 42.0 %).",
    "squared_hinge": "A smooth hinge that punishes large violations more. "
    "On some data it is better: compare the validation accuracies.",
    "crammer_singer": "A hinge for the strongest wrong class alone. "
    "With many classes its loss stays small.",
    "ova_logistic": "One yes-or-no question per class, each with a probability of its own.",
    "ova_squared_hinge": "The same for the margin alone, as scikit-learn's LinearSVC fits it.",
    "ova_hinge": "The same, for comparison with LIBLINEAR and SGDClassifier.",
}
PENALTIES = {
    "l2": "The default: prefers small weights, spread over many features.",
    "l1": "Most weights become exactly 0: a choice of features.",
    "elastic_net": "L1 with some L2: of features that go together, all are kept rather than one.",
    "max_norm": "A bound on each class's weights instead of a price for them.",
    "none": "Only where examples are many and the classes overlap.",
}
START = """\
# How to choose

Written by `python docs/how_to_choose.py`. With no option `halfspaces train DATA` races features, or
losses and penalties, as `AutoFeatures` and `AutoClassifier` do; `LinearClassifierCV` chooses λ.
"""
END = """\
L-BFGS smooths losses with kinks in stages; the proven bound is for the loss itself. By hand: `sgd`
for minibatches or a rough answer in few passes, `gradient_descent` for the plain rule and
`random_search` as the baseline. None of the three is faster than the choice above.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            START,
            *_table("Loss", ("`loss`", "choose it when, or because"), LOSSES),
            *_table("Penalty", ("`penalty`", "effect"), PENALTIES),
            "## Optimizer\n\nThe first row whose conditions hold decides.\n",
            *_rules(),
            "",
            END,
        ]
    )


def _table(title: str, head: tuple[str, str], rows: dict[str, str]) -> list[str]:
    lines = [f"| `{name}` | {words} |" for name, words in rows.items()]
    return [f"## {title}\n", f"| {head[0]} | {head[1]} |", "| --- | --- |", *lines, ""]


def _rules() -> list[str]:
    lines = ["| conditions | optimizer | reason |", "| --- | --- | --- |"]
    for rule in RULES:
        conditions = ", ".join(condition.words for condition in rule.conditions) or "otherwise"
        optimizer = f"{rule.name}: `{_code(rule.make())}`"
        lines.append(
            f"| {conditions} | {optimizer} | {rule.reason.format(penalty='the penalty')} |"
        )
    return lines


def _code(component: Any) -> str:
    """A component as it is written in Python, with the options that are not defaults."""
    options = [
        f"{field.name}={_code(value) if is_dataclass(value) else repr(value)}"
        for field in fields(component)
        if (value := getattr(component, field.name)) != field.default
        and not (field.default_factory is not MISSING and value == field.default_factory())
    ]
    return f"{type(component).__name__}({', '.join(options)})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
