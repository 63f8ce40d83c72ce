"""Tables of measurements in Parquet files."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import InputError

if TYPE_CHECKING:
    from pyarrow import Table


def read_parquet(path: Path, needs: Iterable[str] = ()) -> "Table":
    """The table in ``path``, which has at least the columns ``needs``.

    Raises:
        InputError: pyarrow is not installed, or the file is no such table.
    """
    try:
        from pyarrow.parquet import read_table
    except ImportError:
        raise InputError(
            "reading a Parquet table needs pyarrow",
            file=path,
            remedy="install it with: pip install 'roofsim[calibrate]'",
        ) from None
    try:
        table = read_table(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"not a table in the Parquet format ({reason})",
            file=path,
            remedy="give a Parquet file with one measurement a row",
        ) from None
    missing = [name for name in needs if name not in table.column_names]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}",
            file=path,
            remedy=f"it has {', '.join(table.column_names)}",
        )
    return table


def release_of(path: Path) -> tuple[int, ...]:
    """Release of the software that a table was measured with, told by its folder: vllm-0.24.0.

    Development builds (0.1.dev) count as older than any release.
    """
    parts = path.parent.name.partition("-")[2].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
