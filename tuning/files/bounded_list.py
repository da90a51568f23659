"""A zip archive's list of contents, read only where it fits into memory."""

from __future__ import annotations

import io
import zipfile

_LONGEST_LIST = 1 << 24


class BoundedList(io.FileIO):
    """A file for `zipfile.ZipFile` that raises zipfile.BadZipFile instead of reading a list of contents of more than
    16 MiB. `is_bounded`: set it to False once the list was read."""

    is_bounded = True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.is_bounded and size is not None and size > _LONGEST_LIST:
            raise zipfile.BadZipFile(f"its list of contents has {size:,} bytes")
        return super().read(size) or b""
