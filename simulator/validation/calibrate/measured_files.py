"""The files of measurements that a user names, or that lie in the folders named."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import InputError


def measured_files(data: Iterable[Path], fits: Callable[[Path], bool], wanted: str) -> list[Path]:
    """Files in ``data`` for which ``fits`` holds; of a folder all below it, others passed over.

    Raises:
        InputError: a file that is absent or does not fit, or none at all; ``wanted`` says what
            would.
    """
    found: list[Path] = []
    for path in data:
        if path.is_dir():
            found += [file for file in sorted(path.rglob("*")) if file.is_file() and fits(file)]
        elif not path.is_file():
            raise InputError("no such file", file=path, field="data")
        elif not fits(path):
            raise _unfit(path, wanted)
        else:
            found.append(path)
    if not found:
        raise _unfit(next(iter(data)), wanted)
    return found


def is_document(path: Path) -> bool:
    """Whether a file is a JSON document by its name."""
    return path.suffix == ".json"


def rows_of(documents: Sequence[Path], key: str, needs: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows that stand under ``key`` in JSON documents, one after another.

    Raises:
        InputError: not JSON, or a row lacks one of ``needs``; names file and row.
    """
    found: list[Mapping[str, Any]] = []
    for path in documents:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"not valid JSON: {error}", file=path, field="data") from None
        rows = document.get(key, []) if isinstance(document, dict) else []
        for number, row in enumerate(rows):
            missing = [name for name in needs if name not in row]
            if missing:
                raise InputError(
                    f"has no {' and no '.join(missing)}", file=path, field=f"{key}[{number}]"
                )
        found += rows
    return found


def _unfit(path: Path, wanted: str) -> InputError:
    return InputError(
        "holds nothing that this section is fitted to",
        file=path,
        field="data",
        remedy=f"give {wanted}",
    )
