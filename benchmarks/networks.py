"""Networks beside a plain loop of torch: the same module, optimizer and epochs, in turns."""

import importlib.util
import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.data import FOLDER, FOLDERS, MissingError
from benchmarks.store import Store
from halfspaces import datasets
from halfspaces.estimators.network import DEFAULT_STRENGTH, NetworkClassifier, auto_optimizer
from halfspaces.networks import MLP, Network, ResNet
from halfspaces.optimizers import SGD
from halfspaces.support.types import Array

RECIPES: dict[str, Network] = {"mlp": MLP(), "resnet": ResNet()}
QUICK_ROWS = 2048


def run(store: Store, *, quick: bool, names: tuple[str, ...] = tuple(RECIPES)) -> None:
    if importlib.util.find_spec("torch") is None:
        print("networks are skipped: torch is not installed.")
        return
    folder = FOLDERS["cifar"]
    if folder is None or not (FOLDER / folder).exists():
        raise MissingError("The networks need CIFAR-10.")
    data = datasets.open(FOLDER / folder)
    rows = slice(0, QUICK_ROWS if quick else None)
    for name in names:
        recipe = RECIPES[name]
        images = (
            {"image_shape": data.image_shape, "planar": data.planar} if name == "resnet" else {}
        )
        X, y = np.ascontiguousarray(data.X[rows]), np.asarray(data.y[rows])
        classifier = NetworkClassifier(recipe, random_state=0, verbose=-1, **images)
        if quick:
            classifier.set_params(optimizer=replace(auto_optimizer(recipe, len(X)), epochs=1))
        start = time.perf_counter()
        classifier.fit(X, y)
        ours = time.perf_counter() - start
        accuracy = classifier.score(data.X_test, data.y_test)
        theirs, plain = plain_loop(classifier, X, y, data.X_test, data.y_test)
        row = {"seconds": ours, "accuracy": accuracy, "torch": theirs, "torch_accuracy": plain}
        row["ratio"] = ours / theirs
        store.put("networks", name, row)
        print(f"  {name}: {ours:.1f} s, {100 * accuracy:.2f} %; a plain loop: {theirs:.1f} s, "
              f"{100 * plain:.2f} %; ratio {row['ratio']:.2f}", flush=True)  # fmt: skip


def plain_loop(
    classifier: NetworkClassifier, X: Array, y: Array, X_test: Any, y_test: Any
) -> tuple[float, float]:
    """Seconds and test accuracy of the loop that one would write with torch alone."""
    import torch
    from torch import nn

    sgd: Any = classifier.optimizer_
    assert isinstance(sgd, SGD)
    module = _fresh(classifier)
    weights = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": 2 * DEFAULT_STRENGTH}, {"params": others}]
    nesterov = type(sgd.update_rule).__name__ == "Nesterov"
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=nesterov)
    rows, labels = torch.from_numpy(X).reshape(-1, *classifier.inputs_.stored), torch.from_numpy(y)
    batches = -(-len(X) // sgd.batch_size)
    start = time.perf_counter()
    module.train()
    for epoch in range(sgd.epochs):
        order = torch.randperm(len(X))
        for batch, chosen in enumerate(order.split(sgd.batch_size)):
            done = epoch + batch / batches
            for group in optimizer.param_groups:
                group["lr"] = sgd.step_size * sgd.schedule.factor(done / sgd.epochs, done)
            loss = nn.functional.cross_entropy(module(rows[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - start
    module.eval()
    with torch.no_grad():
        test = torch.from_numpy(np.ascontiguousarray(X_test)).reshape(
            -1, *classifier.inputs_.stored
        )
        found = torch.cat([module(part).argmax(1) for part in test.split(512)])
    return seconds, float((found.numpy() == y_test).mean())


def _fresh(classifier: NetworkClassifier) -> Any:
    """The module with other first weights and the same standardization."""
    from halfspaces.networks.rows import OfRows

    inputs = classifier.inputs_
    recipe: Any = classifier.network
    module = OfRows(inputs, recipe.module(inputs.shape, len(classifier.classes_), 1))
    fitted: Any = classifier.module_
    module.network.standardize.set(
        fitted.network.standardize.mean, fitted.network.standardize.scale
    )
    return module
