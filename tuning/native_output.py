"""What native code prints while it works: kept from the terminal unless something goes wrong."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def hold_back(*, shown_on_error: bool = True) -> Iterator[None]:
    """Hold back what is written to file descriptor 2, which no logging level reaches; show it if the block raises,
    unless the error says everything by itself."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            if shown_on_error:
                held.seek(0)
                with contextlib.suppress(OSError):  # a closed stream loses nothing but these words
                    os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
