"""A report in a folder, all of it or nothing."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import InputError
from simulator.report.columns import write_requests, write_results
from simulator.report.ranking import ranking
from simulator.report.roof import Roof
from simulator.simulate.result import SimulationResult

if TYPE_CHECKING:
    from simulator.report.chart import Chart

_REMEDY = "give --out another folder, one that you may write to and that has room"


def check_writable(folder: Path) -> None:
    """See that a report can be written to ``folder``, before hours are spent on what is in it.

    Nothing is left behind: folders that are missing are only made when the report is written.

    Raises:
        InputError: it cannot; names the folder and the reason.
    """
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    with _told_as_input_error(folder):
        if not nearest.is_dir():
            raise NotADirectoryError(20, f"{nearest} is a file")
        Path(tempfile.mkdtemp(prefix=".roofsim-", dir=nearest)).rmdir()


def write_report(result: SimulationResult, folder: Path) -> list[Path]:
    """Write summary, requests, charts and page of a simulation into ``folder``.

    ``summary.json``, ``requests.csv``, ``report.html`` and, as SVG and PNG, the charts
    ``roofline``, ``latency``, ``timeline`` and ``operators``; files of these names are replaced.

    Raises:
        InputError: the folder cannot be written.
    """

    def fill(staging: Path) -> None:
        from simulator.report.chart import report_charts
        from simulator.report.page import report_page

        _write_json(result.to_dict(), staging / "summary.json")
        write_requests(result.records, staging / "requests.csv")
        charts = report_charts(result, _roof(result))
        _write_charts(charts, staging)
        (staging / "report.html").write_text(report_page(result, charts), encoding="utf-8")

    return _all_or_nothing(folder, fill)


def write_comparison(results: Sequence[SimulationResult], folder: Path) -> list[Path]:
    """Write ``comparison.json``, ``.csv``, ``.svg``, ``.png`` and ``.html`` into ``folder``.

    Raises:
        InputError: the folder cannot be written.
    """

    def fill(staging: Path) -> None:
        from simulator.report.page import comparison_charts, comparison_page

        content = {
            "results": [r.to_dict() for r in results],
            "ranking": ranking(results).to_dict(),
        }
        _write_json(content, staging / "comparison.json")
        write_results(results, staging / "comparison.csv")
        charts = comparison_charts(results)
        _write_charts(charts, staging)
        page = comparison_page(results, charts)
        (staging / "comparison.html").write_text(page, encoding="utf-8")

    return _all_or_nothing(folder, fill)


def write_device_roof(hardware: str, folder: Path) -> list[Path]:
    """Write the roofline of a device alone as SVG and PNG into ``folder``.

    Raises:
        InputError: unknown hardware, or the folder cannot be written.
    """
    roof = Roof.named(hardware)

    def fill(staging: Path) -> None:
        from simulator.report.charts.roofline import device_roofline
        from simulator.report.style import save

        stem = Path(hardware).stem.replace(":", "-")
        save(device_roofline(roof), staging / f"{stem}-roofline", f"Roofline of {roof.title}")

    return _all_or_nothing(folder, fill)


def _roof(result: SimulationResult) -> Roof | None:
    """The device's roof; None when its file has gone since, and charts do without."""
    try:
        return Roof.named(result.hardware)
    except InputError:
        return None


def _write_json(content: object, path: Path) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_charts(charts: "Sequence[Chart]", folder: Path) -> None:
    from simulator.report.style import save

    for chart in charts:
        save(chart.figure, folder / chart.name, chart.description)


def _all_or_nothing(folder: Path, fill: Callable[[Path], None]) -> list[Path]:
    """Let ``fill`` write into a hidden folder, and move what it wrote to ``folder`` at the end.

    The hidden folder is inside ``folder`` where that exists (its parent may be another disk) and
    beside it where it does not; it is gone afterwards, whatever happens.
    """
    with _told_as_input_error(folder):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(20, "it is a file")
        existed = folder.exists()
        home = folder if existed else folder.absolute().parent
        made = _make_parents(home)
        staging = Path(tempfile.mkdtemp(prefix=".roofsim-", dir=home))
        try:
            fill(staging)
            names = sorted(path.name for path in staging.iterdir())
            if existed:
                for name in names:
                    (staging / name).replace(folder / name)
            else:
                staging.chmod(0o777 & ~_umask())
                staging.rename(folder)
            made = []
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            for parent in made:
                parent.rmdir()
    return [folder / name for name in names]


def _make_parents(folder: Path) -> list[Path]:
    """Make ``folder``; returns the folders that were missing, the innermost first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


@contextmanager
def _told_as_input_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"the report cannot be written here: {reason}", file=folder, remedy=_REMEDY
        ) from error
