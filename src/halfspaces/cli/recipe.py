"""The options of one training, checked against each other, and the components that they name."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cached_property, partial
from typing import Any

from pydantic import ValidationError

from halfspaces.cli import cluster, strength_report, values
from halfspaces.cli.learned_options import LEARNED, check_learned
from halfspaces.cli.open_options import AUTO, OpenOptions
from halfspaces.cli.score_choice import (
    LINEAR,
    OF_SEARCH,
    SCORES,
    LinearScores,
    check_images,
    network_of,
)
from halfspaces.engines.devices.placing import check_device, free_memory
from halfspaces.estimators.calibration import CALIBRATIONS
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import DEFAULT_STRENGTH
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.network import DEFAULT_STRENGTH as NETWORK_STRENGTH
from halfspaces.estimators.network import NetworkClassifier, auto_optimizer
from halfspaces.estimators.scoring import make_scorer
from halfspaces.features import parse
from halfspaces.files import options as table
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.run import Callback
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.networks import Network
from halfspaces.networks.recipes import import_torch
from halfspaces.noise import AdaptiveL2, Noise
from halfspaces.optimizers import OPTIMIZERS, SCHEDULES, UPDATE_RULES, RandomSearch
from halfspaces.optimizers.random_search import Attempts
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.system.names import nearest
from halfspaces.system.words import LANGUAGES

NAMES: dict[str, Mapping[str, Any]] = {
    "score": SCORES,
    "loss": LOSSES,
    "penalty": PENALTIES,
    "optimizer": OPTIMIZERS,
    "update_rule": UPDATE_RULES,
    "schedule": SCHEDULES,
    "calibrate": CALIBRATIONS,
    "language": LANGUAGES,
}
CHOOSE_STRENGTH = ("strengths", "folds", "validation", "scoring")


def recipe_of(options: Mapping[str, Any]) -> "Recipe":
    """The recipe with these options.

    Raises
    ------
    ValueError
        One sentence, for an invalid value of an option and for options that exclude each other.
    """
    try:
        recipe = Recipe(**options)
    except ValidationError as error:
        raise ValueError(table.first_problem(error)) from None
    recipe.with_defaults().check()
    return recipe


class Recipe(OpenOptions):
    """How to train."""

    # --- checks -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise ValueError for unknown names and for options that exclude each other."""
        for name, known in NAMES.items():
            self._check_name(name, known)
        if self.finds_step_size and self.is_network:
            raise ValueError(
                f"--step-size find belongs to linear scores, got --score {self.score}; give a "
                "number."
            )
        if self.finds_step_size and self.optimizer != "sgd":
            raise ValueError(
                f"--step-size find belongs to --optimizer sgd, got --optimizer {self.optimizer}."
            )
        for component in ("score", "loss", "penalty", "optimizer"):
            self._check_parts(component)
        self._check_needed()
        self._check_device()
        self._check_network()
        self.linear_scores.check(self.optimizer, self.make_loss())
        self._check_strength()
        for name in LEARNED:
            check_learned(name, self, self.linear_scores.given)
        values.class_weight(self.class_weight)
        if self.features is not None:
            parse(self.features)
        if not self.describes and self.cache_features:
            raise ValueError(
                "--cache-features stores computed features, and pixels need no computing; leave it "
                "out, or give --features, too."
            )
        values.seconds("--budget", self.budget)
        self._check_checkpoint()

    def _check_device(self) -> None:
        check_device(self.device, "--device")
        if self.is_network and self.device != "auto":
            raise ValueError(
                f"--device {self.device} is for --score linear, got --score {self.score}; leave "
                "--device out."
            )
        if self.device not in ("auto", "cpu"):
            free_memory(self.device)  # before data are read: that it is there
        cluster.check(self.engine, self.cluster)
        if self.engine is not None and (self.is_network or self.device != "auto"):
            raise ValueError(
                f"--engine {self.engine} fits linear scores on processors; leave --engine out, or"
                " --score and --device."
            )

    def _check_name(self, name: str, known: Iterable[str]) -> None:
        given = getattr(self, name)
        names = [AUTO, *known] if name == "optimizer" else list(known)
        if given is not None and given not in names:
            raise ValueError(f"{table.flag(name)} {given} is not known: {nearest(given, names)}")

    def _check_parts(self, component: str) -> None:
        """Raise for a parameter that the loss, the penalty or the optimizer does not have."""
        registry = NAMES[component]
        chosen = registry.get(getattr(self, component))
        if component == "optimizer" and self._takes_auto:
            chosen = OPTIMIZERS["sgd"]
        for name in self.parts(component):
            if name not in _parameters(chosen):
                owners = [key for key, other in registry.items() if name in _parameters(other)]
                flag = table.flag(component)
                raise ValueError(
                    f"{table.flag(name)} belongs to {flag} {' or '.join(owners)}, "
                    f"got {flag} {getattr(self, component)}."
                )

    def _check_needed(self) -> None:
        """Raise for an option without the option that it needs."""
        for name in table.all_options():
            needed = table.rule(name, "needs")
            if needed and self.is_given(name) and getattr(self, needed) is None:
                flag = table.flag(needed)
                example = f"give {flag} {table.EXAMPLES[needed]}, too"
                raise ValueError(f"{table.flag(name)} belongs to {flag}; {example}.")

    def _check_network(self) -> None:
        """Raise, before data are read, for what a network cannot be trained with."""
        if not self.is_network:
            return
        given = f"--score {self.score}"
        for name in OF_SEARCH:
            value = getattr(self, name)
            if value is not None:
                raise ValueError(
                    f"{table.flag(name)} {value} belongs to a search for λ, which {given} does not "
                    "have; give --strength, or leave it out."
                )
        if self.sanity:
            raise ValueError(f"--sanity checks linear scores, got {given}; leave one of them out.")
        self.make_network()
        if self.describes:
            check_images(self.score, None, f"--features {self.features} makes plain rows")
        import_torch(given)

    def _check_strength(self) -> None:
        """Raise if λ is both given and to be chosen, or if the penalty has none."""
        kind = PENALTIES[self.penalty]
        if self.strength is not None and not kind.has_strength:
            own = [name for name in table.parts_of("penalty") if name in _parameters(kind)]
            remedy = f"give {table.flag(own[0])}" if own else "leave it out"
            raise ValueError(
                f"--strength {self.strength:g} has no place in --penalty {self.penalty}; {remedy}."
            )
        for name in CHOOSE_STRENGTH:
            given = getattr(self, name)
            if self.is_network:
                continue  # --validation assesses it
            held_out = self.learns_held_out and name in ("folds", "validation")
            if given is not None and not (self.chooses_strength or held_out):
                fixed = "these options"
                if self.strength is not None:
                    fixed = f"--strength {self.strength:g}"
                raise ValueError(
                    f"{table.flag(name)} {given} is for choosing λ, but {fixed} leave no choice; "
                    "give one of them."
                )
        self._check_scoring()
        if self.folds is not None and self.validation is not None:
            both = f"--folds {self.folds} and --validation {self.validation:g}"
            raise ValueError(f"{both} both hold rows out; give one.")

    def _check_scoring(self) -> None:
        """Raise for an unknown score, and for one of probabilities where there are none."""
        if self.scoring is None:
            return
        make_scorer(self.scoring, "--scoring ")
        has_none = self.calibrate is None and self.make_loss().probability is None
        if self.scoring in ("log_loss", "neg_log_loss") and has_none:
            raise ValueError(
                f"--scoring {self.scoring} needs probabilities, which --loss {self.loss} does not "
                "give; give --calibrate temperature, too, or --loss softmax."
            )

    def _check_checkpoint(self) -> None:
        checkpoint = self.stored_run
        if checkpoint is None:
            return
        checkpoint.check_folder()
        if checkpoint.held and not self.resume:
            held = f"{self.checkpoint} holds the checkpoint of a run that has not ended"
            raise ValueError(
                f"{held}; give --resume to go on from it, or another --checkpoint to start anew."
            )

    # --- components -------------------------------------------------------------------------------

    def parts(self, component: str) -> dict[str, Any]:
        """The parameters that were given for the loss, the penalty or the optimizer."""
        names = [name for name in table.parts_of(component) if self.is_given(name)]
        return {name: getattr(self, name) for name in names}

    def make_loss(self) -> Loss:
        """The loss with its parameters."""
        loss: Any = LOSSES[self.loss]
        return replace(loss, **self.parts("loss")) if self.parts("loss") else loss

    def make_penalty(self, strength: float | None) -> dict[str, Any]:
        """The parameters penalty and strength of the classifier.

        They are a name and λ, or a penalty with its parameters and None.
        """
        parts = self.parts("penalty")
        if not parts:
            return {"penalty": self.penalty, "strength": strength}
        return {"penalty": self._penalty_with(parts, strength), "strength": None}

    def make_noise(self) -> Noise | AdaptiveL2 | None:
        """The noise with its parameter, or its adaptive L2 term; None without noise."""
        return self.linear_scores.noise()

    def make_network(self) -> Network:
        """The recipe of the network with its parameters."""
        return network_of(self.score, self.parts("score"))

    def make_optimizer(self, n_examples: int = 1) -> str | Optimizer:
        """The optimizer's name, or an instance with its parameters.

        Other parameters of a network's are those of "auto", which depend on the number of examples.
        """
        kind: Any = OPTIMIZERS.get(self.optimizer)
        if self._takes_auto:
            kind = partial(replace, auto_optimizer(self.make_network(), n_examples))
        parts = self.parts("optimizer")
        if "step_size" in parts:
            step = parts.pop("step_size")
            parts |= {} if step == "find" else {"step_size": values.step_size(step)}
        if self.seed is not None and hasattr(kind, "seed"):
            parts["seed"] = self.seed
        return kind(**parts) if parts or self.finds_step_size else self.optimizer

    def classifier(self) -> LinearClassifier | NetworkClassifier:
        """The classifier to fit."""
        if self.is_network:
            return self._network_classifier()
        options: dict[str, Any] = {**self.fit_options, "callbacks": self._callbacks}
        options["device"] = self.device
        return LinearClassifier(
            loss=self.make_loss(),
            optimizer=self.make_optimizer(),
            noise=self.make_noise(),
            random_state=self.seed if self.optimizer == "auto" else None,
            **self.make_penalty(self.strength),
            **options,
        )

    def _network_classifier(self) -> NetworkClassifier:
        has_strength = PENALTIES[self.penalty].has_strength
        strength = NETWORK_STRENGTH if has_strength and self.strength is None else self.strength
        return NetworkClassifier(
            self.make_network(),
            loss=self.make_loss(),
            optimizer=self.make_optimizer(),
            random_state=self.seed,
            **self.make_penalty(strength),
            **self.fit_options,
        )

    def search(self) -> LinearClassifierCV:
        """The classifier that chooses its λ."""
        strengths = values.strengths(self.strengths)
        if self.strength is not None:
            strengths = [self.strength]
        parts = self.parts("penalty")
        return LinearClassifierCV(
            loss=self.make_loss(),
            penalty=self._penalty_with(parts, None) if parts else self.penalty,
            strengths=strengths,
            scoring=self.scoring or "accuracy",
            calibrate=self.calibrate,
            threshold=self.threshold,
            random_state=self.seed,
            device=self.device,
            **self.fit_options,
        )

    @cached_property
    def stored_run(self) -> Checkpoint | None:
        """The checkpoint in which the run is stored."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, table.EVERY if self.every is None else self.every)

    @property
    def is_network(self) -> bool:
        """Whether the scores are those of a network."""
        return self.score != LINEAR

    @property
    def _takes_auto(self) -> bool:
        """Whether the optimizer is the one that networks take, with the parameters given."""
        return self.is_network and self.optimizer in ("auto", "sgd")

    @property
    def finds_step_size(self) -> bool:
        """Whether a range test comes first."""
        return self.step_size == "find"

    @property
    def fits_after_search(self) -> bool:
        """Whether the classifier is fitted otherwise than in the search for λ."""
        return self.optimizer != "auto" or bool(self.linear_scores.given)

    @property
    def linear_scores(self) -> LinearScores:
        """The noise on the features; a network has none there."""
        return LinearScores() if self.is_network else LinearScores(**self.parts("score"))

    @property
    def holds_out(self) -> bool:
        """Whether rows are held out from the fit."""
        return self.chooses_strength or self.learns_held_out

    @property
    def learns_held_out(self) -> bool:
        """Whether a calibration or a threshold is learned on rows held out."""
        return any(getattr(self, name) is not None for name in LEARNED)

    @property
    def chooses_strength(self) -> bool:
        """Whether λ is to be chosen."""
        searches = table.chooses_by_strength(self.penalty, self.optimizer, self.score)
        return self.strength is None and searches

    def _penalty_with(self, parts: dict[str, Any], strength: float | None) -> Penalty:
        kind: Any = PENALTIES[self.penalty]
        if not kind.has_strength:
            return kind(**parts)
        return kind(DEFAULT_STRENGTH if strength is None else strength, **parts)

    @property
    def fit_options(self) -> dict[str, Any]:
        """The parameters that all classifiers share."""
        checkpoint = self.stored_run
        return {
            "class_weight": values.class_weight(self.class_weight),
            "standardize": self.standardize,
            "tol": self.tol,
            "max_passes": self.max_passes,
            "n_jobs": self.jobs,
            "callbacks": [] if checkpoint is None else [checkpoint],
        }

    @property
    def _callbacks(self) -> list[Callback]:
        """The callbacks of the classifier; the attempts of a random search are printed."""
        shown = OPTIMIZERS.get(self.optimizer) is RandomSearch
        attempts: list[Callback] = [Attempts(show=strength_report.attempt)] if shown else []
        return attempts + self.fit_options["callbacks"]


def _parameters(component: Any) -> set[str]:
    """The names of a component's parameters; empty if it is no dataclass."""
    return {entry.name for entry in fields(component)} if is_dataclass(component) else set()
