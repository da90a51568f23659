"""Algorithms by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuning.errors import InputError
from tuning.found import load_from, names_in

if TYPE_CHECKING:
    from tuning.oracles.base import Proposer, UnrepeatedOracle
    from tuning.records import SearchConfig

_PACKAGE = "tuning.oracles.algorithms"


def algorithm_names() -> tuple[str, ...]:
    """The names that `SearchConfig.algorithm` takes. Loads no framework."""
    return tuple(name.replace("_", "-") for name in names_in(_PACKAGE))


def algorithm_class(name: str) -> type[UnrepeatedOracle]:
    """What the algorithm's file declares.

    Raises InputError for an unknown name, and for an algorithm whose package is not installed.
    """
    if name not in algorithm_names():
        raise InputError(f"unknown algorithm {name}: choose one of {', '.join(algorithm_names())}")
    found: type[UnrepeatedOracle] = load_from(_PACKAGE, name.replace("-", "_"), "ALGORITHM", what="algorithm")
    return found


def traits_of(algorithm: Any) -> type[UnrepeatedOracle] | Proposer:
    """What says of an algorithm, a name or an oracle of the caller's own, whether it stops, pauses and so on."""
    from tuning.oracles.callers import proposer_of

    return algorithm_class(algorithm) if isinstance(algorithm, str) else proposer_of(algorithm)


def make_oracle(config: SearchConfig) -> Any:
    """The oracle that `config.algorithm` names, or the one that it is. Raises InputError as `algorithm_class` does."""
    from tuning.seeds import derive_seed

    if not isinstance(config.algorithm, str):
        return config.algorithm
    return algorithm_class(config.algorithm).of(config, seed=derive_seed(config.seed, "oracle"))
