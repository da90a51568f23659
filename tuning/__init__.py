"""Find the hyperparameters of a Keras model and train the winner.

The public names are loaded when they are first asked for, so that `import tuning` loads no framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuning._retrain import retrain
    from tuning._search import search
    from tuning.data.array_options import ArrayOptions
    from tuning.data.dataset import Dataset, make_dataset
    from tuning.data.example_weights import weigh_classes, weigh_examples
    from tuning.data.search_data import SearchData
    from tuning.data.sources.by_name import load_dataset
    from tuning.data.sources.from_python import from_arrays
    from tuning.errors import InputError, TrainingError
    from tuning.evaluation.evaluation import evaluate
    from tuning.lifecycle.complete import complete
    from tuning.loop.resources import Resources
    from tuning.models.user_model import UserModel, Wishes
    from tuning.ranking.choice import SearchResult
    from tuning.ranking.objective import parse_objective
    from tuning.records import SearchConfig

_MODULES = {
    "ArrayOptions": "data.array_options",
    "Dataset": "data.dataset",
    "InputError": "errors",
    "Resources": "loop.resources",
    "SearchConfig": "records",
    "SearchData": "data.search_data",
    "SearchResult": "ranking.choice",
    "TrainingError": "errors",
    "UserModel": "models.user_model",
    "Wishes": "models.user_model",
    "complete": "lifecycle.complete",
    "evaluate": "evaluation.evaluation",
    "from_arrays": "data.sources.from_python",
    "load_dataset": "data.sources.by_name",
    "make_dataset": "data.dataset",
    "parse_objective": "ranking.objective",
    "retrain": "_retrain",
    "search": "_search",
    "weigh_classes": "data.example_weights",
    "weigh_examples": "data.example_weights",
}

__all__ = [
    "ArrayOptions",
    "Dataset",
    "InputError",
    "Resources",
    "SearchConfig",
    "SearchData",
    "SearchResult",
    "TrainingError",
    "UserModel",
    "Wishes",
    "complete",
    "evaluate",
    "from_arrays",
    "load_dataset",
    "make_dataset",
    "parse_objective",
    "retrain",
    "search",
    "weigh_classes",
    "weigh_examples",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
