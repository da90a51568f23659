"""Names of tensors that a reader of the file can do with: the layer's, without the model's, each once."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def short_names(names: Sequence[str], *, taken: Collection[str] = ()) -> list[str]:
    """A name for each of `names`, in their order: without the scope `model/` that all have in common, with a number
    behind it where the name is in use already, in `taken` or before."""
    scopes = {name.partition("/")[0] for name in names if "/" in name}
    scope = f"{scopes.pop()}/" if len(scopes) == 1 else ""
    used, found = set(taken), []
    for name in names:
        short = name.removeprefix(scope) or "tensor"
        number, free = 1, short
        while free in used:
            number, free = number + 1, f"{short}_{number + 1}"
        used.add(free)
        found.append(free)
    return found
