"""Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halfspaces import callbacks as callbacks
    from halfspaces import convert as convert
    from halfspaces import datasets as datasets
    from halfspaces import engines as engines
    from halfspaces import estimators as estimators
    from halfspaces import export as export
    from halfspaces import features as features
    from halfspaces import gradcheck as gradcheck
    from halfspaces import losses as losses
    from halfspaces import networks as networks
    from halfspaces import noise as noise
    from halfspaces import objective as objective
    from halfspaces import optimizers as optimizers
    from halfspaces import penalties as penalties
    from halfspaces import plots as plots
    from halfspaces import testing as testing
    from halfspaces import tuning as tuning
    from halfspaces.estimators.auto_classifier import AutoClassifier
    from halfspaces.estimators.auto_features import AutoFeatures
    from halfspaces.estimators.certify import certify
    from halfspaces.estimators.classifier import LinearClassifier
    from halfspaces.estimators.cross_validation import LinearClassifierCV
    from halfspaces.estimators.label_sets import LabelSetsClassifier
    from halfspaces.estimators.label_sets_cv import LabelSetsClassifierCV
    from halfspaces.estimators.metrics.evaluate import evaluate
    from halfspaces.estimators.multi_label import MultiLabelClassifier
    from halfspaces.estimators.network import NetworkClassifier
    from halfspaces.files.models import load, save
    from halfspaces.proofs.minimize import minimize

__all__ = [
    "AutoClassifier",
    "AutoFeatures",
    "LabelSetsClassifier",
    "LabelSetsClassifierCV",
    "LinearClassifier",
    "LinearClassifierCV",
    "MultiLabelClassifier",
    "NetworkClassifier",
    "certify",
    "evaluate",
    "load",
    "minimize",
    "save",
]

_HOMES = {
    "__version__": "system.version",
    "AutoClassifier": "estimators.auto_classifier",
    "AutoFeatures": "estimators.auto_features",
    "LinearClassifier": "estimators.classifier",
    "LinearClassifierCV": "estimators.cross_validation",
    "LabelSetsClassifier": "estimators.label_sets",
    "LabelSetsClassifierCV": "estimators.label_sets_cv",
    "MultiLabelClassifier": "estimators.multi_label",
    "NetworkClassifier": "estimators.network",
    "certify": "estimators.certify",
    "evaluate": "estimators.metrics.evaluate",
    "minimize": "proofs.minimize",
    "load": "files.models",
    "save": "files.models",
}
_MODULES = (
    "callbacks",
    "convert",
    "datasets",
    "engines",
    "estimators",
    "export",
    "features",
    "gradcheck",
    "losses",
    "networks",
    "noise",
    "objective",
    "optimizers",
    "penalties",
    "plots",
    "testing",
    "tuning",
)


def __getattr__(name: str) -> Any:
    # Lazy, so that importing the package costs nothing until something of it is used.
    if name in _HOMES:
        value = getattr(import_module(f"halfspaces.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"halfspaces.{name}")
    raise AttributeError(f"module 'halfspaces' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
