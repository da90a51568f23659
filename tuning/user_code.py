"""A user's own Python: the object that `path/to/file.py:NAME` or `package.module:NAME` names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from tuning.errors import InputError

_PROJECT = Path(__file__).resolve().parent.parent
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
    """Name → class or function, of all that the module defines or imports by name, but for what Keras knows anyway."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type | FunctionType) and value.__module__.partition(".")[0] not in _KNOWN_TO_KERAS
    }


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
    for path in sorted({file, *_imported_below(folder)}):
        digest.update(f"{path.relative_to(folder)}".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _imported_below(folder: Path) -> list[Path]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    own = _PROJECT / "tuning", _PROJECT / "export", _PROJECT / "scripts"
    paths = [Path(file).resolve() for file in files if file is not None]
    return [
        path
        for path in paths
        if path.is_relative_to(folder)
        and path.suffix == ".py"
        and not {"site-packages", "dist-packages"} & set(path.parts)
        and not any(path.is_relative_to(room) for room in own)
        and not path.is_relative_to(sys.base_prefix)
    ]


def resolved(source: str) -> str:
    """The same with a file's path made absolute, to be found again from any folder.

    Nothing is imported. Raises InputError for a text of another form, and if there is no such file.
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
        path = _file(place)
        name, folder = f"user_code_{path.stem}", str(path.resolve().parent)
    else:
        path, name, folder = None, place, str(Path.cwd())
    if name in sys.modules and (path is None or getattr(sys.modules[name], "__file__", None) == str(path.resolve())):
        return sys.modules[name]
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name) if path is None else _execute(name, path.resolve())
    # Whatever the user's own lines raise is theirs to mend.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and path is None and place.startswith(f"{error.name}"):
            raise InputError(
                f"there is no module {place}: run from the folder that holds it, or give FILE.py:NAME"
            ) from error
        raise InputError(
            f"{place} can't be imported{_where(error, path)} ({type(error).__name__}: {_line(error)}): mend it there"
        ) from error
    finally:
        # It comes first while the file is imported, and last afterwards, for imports in its functions.
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


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


def describe_failure(error: BaseException, source: str) -> str:
    """What a user's code raised, in one line, with the last of its own lines that led there."""
    place = source.rpartition(":")[0]
    path = Path(place) if place.endswith(".py") else None
    return f"{type(error).__name__}{_where(error, path)}: {_line(error)}"


def _where(error: BaseException, path: Path | None) -> str:
    # That of a neighbour tells its file itself.
    if isinstance(error, SyntaxError) and (path is None or error.filename in (None, str(path.resolve()))):
        return f" at line {error.lineno}"
    if path is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return f" at line {own[-1]}" if own else ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
