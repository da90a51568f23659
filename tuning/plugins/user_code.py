"""A user's own Python: the object that `path/to/file.py:NAME` or `package.module:NAME` names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from tuning.environment.keras_settings import keep_backend
from tuning.errors import InputError
from tuning.failures import describe_failure, is_users_own, own_files
from tuning.plugins.name_clash import require_no_clash, require_no_clash_of

_executed: dict[str, Path] = {}
_KNOWN_TO_KERAS = ("keras", "keras_tuner", "tensorflow", "numpy")


def load_object(source: str) -> Any:
    """Import what `source` names. Its folder stays at the end of the import path, so that it finds its neighbours.

    Raises InputError, naming the file and the line, if there is no such file or module, if it can't be imported, and
    if it has no such name.
    """
    place, name = _parts(source)
    module = _import(place)
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        near = get_close_matches(name, public, n=1)
        hint = f"did you mean {near[0]}?" if near else "define it there or give another name"
        raise InputError(f"{place} has no {name}: {hint}")
    return getattr(module, name)


def load_custom_objects(source: str) -> dict[str, Any]:
    """The classes and functions of the module that `source` names, or of a file alone, for loading a Keras file.

    Raises InputError as `load_object` does.
    """
    return custom_objects_in(_import(source if source.endswith(".py") else source.rpartition(":")[0]))


def custom_objects_in(module: ModuleType) -> dict[str, Any]:
    """Name → class or function, of all that the module defines or imports, but for what Keras knows anyway.

    Those of the user's own modules that it imports as modules are among them.
    """
    found: dict[str, Any] = {}
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        looked_at = waiting.pop(0)
        seen.add(looked_at.__name__)
        for name, value in vars(looked_at).items():
            if isinstance(value, type | FunctionType) and value.__module__.partition(".")[0] not in _KNOWN_TO_KERAS:
                found.setdefault(name, value)
            elif isinstance(value, ModuleType) and value.__name__ not in seen and is_users_own(_file_of(value)):
                waiting.append(value)
    return found


def _file_of(module: ModuleType | None) -> str:
    return str(getattr(module, "__file__", None) or "<none>")


def code_digest(source: str) -> str:
    """The sha256 of the user's code as far as it was imported: the file or module and its neighbours.

    A neighbour is what lies in the file's folder, or in the module's package, or below; no installed package is one.
    """
    module = _import(source.rpartition(":")[0])
    file = Path(str(module.__file__)).resolve()
    package = sys.modules.get(module.__name__.partition(".")[0])
    top = Path(str(getattr(package, "__file__", None) or file)).resolve()
    folder = top.parent if "." in module.__name__ else file.parent
    digest = hashlib.sha256()
    for path in sorted({file, *_list_imported_below(folder)}):
        digest.update(f"{path.relative_to(folder)}".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _list_imported_below(folder: Path) -> list[Path]:
    files = {_file_of(module) for module in list(sys.modules.values()) if isinstance(module, ModuleType)}
    paths = [Path(file).resolve() for file in files if file.endswith(".py") and is_users_own(file)]
    return [path for path in paths if path.is_relative_to(folder)]


def resolve_source(source: str) -> str:
    """The same with a file's path made absolute, to be found again from any folder.

    Nothing is imported. Raises InputError for text of another form, and if there is no such file.
    """
    place, name = _parts(source)
    return f"{_file(place).resolve()}:{name}" if place.endswith(".py") else source


def _parts(source: str) -> tuple[str, str]:
    """File or module, and the name in it."""
    place, _, name = source.rpartition(":")
    if not place or not name.isidentifier():
        raise InputError(f"{source} must be FILE.py:NAME or package.module:NAME, like my_model.py:build")
    return place, name


def _file(place: str) -> Path:
    path = Path(place)
    if not path.is_file():
        raise InputError(f"there is no file {place}: give the Python file that holds it")
    return path


def executed_files() -> tuple[Path, ...]:
    """The files that were loaded so far, in that order. Their modules can't be imported by name: see `execute`."""
    return tuple(_executed.values())


def execute(path: Path) -> None:
    """Load such a file into this process too, so that what was pickled of it can be unpickled.

    Raises InputError as `load_object` does.
    """
    _import(str(path))


def _import(place: str) -> ModuleType:
    if place.endswith(".py"):
        path = _file(place).resolve()
        name, folder = f"user_code_{path.stem}", path.parent
        if _file_of(sys.modules.get(name)) == str(path):
            return sys.modules[name]
        require_no_clash([path], beside=folder)
    else:
        path, name, folder = None, place, Path.cwd()
        require_no_clash_of(place, beside=folder)
        if name in sys.modules:
            return sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        with keep_backend(os.environ):
            module = importlib.import_module(name) if path is None else _execute(name, path)
    # Whatever the user's own lines raise is theirs to fix.
    except (Exception, SystemExit) as error:
        require_no_clash(own_files(error), beside=folder)
        raise InputError(_why_not_imported(place, error)) from error
    finally:
        # It comes first while the file is imported, and last afterwards, for imports in its functions.
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    try:
        require_no_clash(_list_imported_below(folder), beside=folder)
    except InputError:
        _forget(set(sys.modules) - before, below=folder)
        raise
    return module


def _forget(names: Iterable[str], *, below: Path) -> None:
    """Take back what a refused file imported of the user's: no worker gets it, and a corrected one is read again."""
    for name in names:
        file = _file_of(sys.modules[name])
        if is_users_own(file) and Path(file).resolve().is_relative_to(below):
            del sys.modules[name]
            _executed.pop(name, None)


def _why_not_imported(place: str, error: BaseException) -> str:
    is_file = place.endswith(".py")
    if isinstance(error, ModuleNotFoundError) and not is_file and place.startswith(f"{error.name}"):
        return f"there is no module {place}: run from the folder that holds it, or give FILE.py:NAME"
    if isinstance(error, ImportError) and "no known parent package" in str(error) and is_file:
        return (
            f"{place} can't be imported ({describe_failure(error)}): it is part of a package, so name it as "
            "package.module:NAME, from the folder that holds the package"
        )
    return f"{place} can't be imported ({describe_failure(error)}): fix it there"


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _executed[name] = path
    return module
