"""How wide the intervals of what nobody measured must be: each device, and each engine, left out.

    python -m simulator.validation.left_out --data FOLDER [--served EVERY]

Kernel tables of one device are asked of constants that are not its own: its class's, those of a
device of the same die, those of an earlier generation. Every device weighs the same. The error that
covers 80 % is found on one half of the devices and told with what it covers on the other half; that
of all devices is for the files of classes and of devices that are carried over. Few devices say
little of one more, which Student's t allows for.

``--served EVERY`` asks one served question in so many too, by its flags alone as a user does. What
an engine's intervals lack is found on the half of its rows that may be fitted and told with what it
covers on the other half; an engine that is left out has what the others lack.
"""

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulator.roofline.device.device import Device, class_only, resolve
from simulator.specs import catalogue
from simulator.specs.hardware import Hardware
from simulator.specs.quantity import Z_80
from simulator.validation.kernels import is_scored, table_parts
from simulator.validation.measured.plain import by_flags_alone
from simulator.validation.measured.point import Point
from simulator.validation.parquet import release_of
from simulator.validation.read import read_points
from simulator.validation.score import Sample
from simulator.validation.systems import SYSTEMS
from simulator.validation.validate import serve_points

FloatArray = NDArray[np.float64]
Errors = Mapping[str, FloatArray]
"""Logarithms of predicted over measured, by what is left out."""

SAME_DIE = (("h100-sxm", "h200-sxm"), ("h200-sxm", "h100-sxm"))
GENERATIONS = (
    ("a100-sxm-80gb", "h100-sxm"), ("a100-sxm-80gb", "h200-sxm"), ("a100-sxm-80gb", "b200"),
    ("h100-sxm", "b200"), ("h200-sxm", "b200"),
)  # fmt: skip
"""Who lends constants to whom, to see what a relative is worth."""

_LAWS = {
    "gemm": "matmul", "moe": "experts", "generation_attention": "attention",
    "context_attention": "attention", "nccl": "link", "custom_allreduce": "link",
    "scale_matrix": "elementwise", "dsa_context_module": "modules",
    "mla_generation_module": "modules",
}  # fmt: skip
"""The tables that tell of each law, by their names."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What must be the error of something nobody measured.

    Args:
        of_all: the error that covers 80 %, each of those left out weighing the same.
        of_one_more: the same for one that is not among them.
        on_others: share that the error of one half covers on the other, both ways.
        as_shipped: share that the shipped errors cover.
    """

    of_all: float
    of_one_more: float
    on_others: float
    as_shipped: float


def covering(errors: Errors) -> float:
    """The error whose 80 % interval holds 80 % of the rows, each name weighing the same."""
    sizes = np.concatenate([np.abs(found) for found in errors.values()])
    weights = np.concatenate([np.full(len(found), 1.0 / len(found)) for found in errors.values()])
    order = np.argsort(sizes)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(sizes[order][np.searchsorted(share, _SHARE)] / Z_80)


_SHARE = 0.8


def cover(errors: Errors, shipped: Errors) -> Cover:
    """The error that a few devices tell, and how well one half of them tells of the other."""
    names = sorted(errors)
    halves = names[::2], names[1::2]
    inside = []
    for told, others in (halves, halves[::-1]):
        if not told or not others:
            continue
        sigma = covering({n: errors[n] for n in told}) * _of_one_more(len(told))
        inside += [float(np.mean(np.abs(errors[n]) <= Z_80 * sigma)) for n in others]
    of_all = covering(errors)
    held = [float(np.mean(np.abs(errors[n]) <= Z_80 * shipped[n])) for n in names]
    return Cover(
        of_all,
        of_all * _of_one_more(len(names)),
        float(np.mean(inside)) if inside else float("nan"),
        float(np.mean(held)),
    )


def _of_one_more(names: int) -> float:
    """How much wider the error of one more is than that of so few about a known middle."""
    return float(stdtrit(names, 0.9)) / Z_80


def kernel_covers(data: Path) -> dict[tuple[str, str], Cover]:
    """The error of every law by how a device may be known, from the kernel tables of a folder."""
    found: dict[tuple[str, str], dict[str, list[Sample]]] = {}
    tables = {name: _tables(data / "kernels" / folder) for folder, name in SYSTEMS.items()}
    devices = {name: catalogue.hardware(name) for name, paths in tables.items() if paths}
    folders = {name: folder for folder, name in SYSTEMS.items()}
    for name, hardware in devices.items():
        for path in tables[name]:
            law = _LAWS[path.name.removesuffix("_perf.parquet")]
            for standing, whose, device in _standings(hardware, devices):
                parts = table_parts(path, device, folders[name])
                samples = [s for part in parts for s in part.samples if not s.short]
                if samples:
                    found.setdefault((law, standing), {}).setdefault(whose, []).extend(samples)
    return {key: _covered(of_devices) for key, of_devices in sorted(found.items())}


def _covered(found: Mapping[str, Sequence[Sample]]) -> Cover:
    return cover(
        {name: np.array([s.log_ratio for s in samples]) for name, samples in found.items()},
        {name: np.array([s.sigma for s in samples]) for name, samples in found.items()},
    )


def _standings(
    hardware: Hardware, devices: Mapping[str, Hardware]
) -> Iterable[tuple[str, str, Device]]:
    """Ways to know a device, what is left out of them, and the device so known."""
    own = resolve(hardware)
    yield "calibrated", hardware.name, own
    bare = class_only(_without_links(hardware), own)
    if bare is not None:
        yield "class default", hardware.name, bare
    for standing, pairs, like in (
        ("same die", SAME_DIE, "b300"),
        ("earlier generation", GENERATIONS, "mi350x"),
    ):
        for lender, borrower in pairs:
            if borrower == hardware.name and lender in devices:
                lent = resolve(_lent(hardware, devices[lender], catalogue.hardware(like)))
                yield standing, f"{borrower} from {lender}", lent


def _without_links(hardware: Hardware) -> Hardware:
    up = hardware.links.scale_up
    if up is None:
        return hardware
    bare = up.model_copy(update={"calibration": None})
    return hardware.model_copy(
        update={"links": hardware.links.model_copy(update={"scale_up": bare})}
    )


def _lent(hardware: Hardware, lender: Hardware, like: Hardware) -> Hardware:
    """A device with the constants of another's main engine and of its nearest link.

    Its errors are those of ``like``, whose constants are carried over in the same way.
    """
    part = hardware.engines[hardware.main_engine]
    known, carried = (h.engines[h.main_engine].calibration for h in (lender, like))
    if known is not None and carried is not None:
        known = known.model_copy(update={"residual": carried.residual})
    engines = {
        **hardware.engines,
        hardware.main_engine: part.model_copy(update={"calibration": known}),
    }
    links, up, theirs = hardware.links, hardware.links.scale_up, lender.links.scale_up
    if up is not None and theirs is not None:
        known_link = up.model_copy(update={"calibration": theirs.calibration})
        links = links.model_copy(update={"scale_up": known_link})
    return hardware.model_copy(update={"engines": engines, "links": links})


def _tables(folder: Path) -> list[Path]:
    """Of each kind of table that tells of a law, the one of the newest release."""
    newest: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.parquet"), key=release_of):
        if is_scored(path) and path.name.removesuffix("_perf.parquet") in _LAWS:
            newest[path.name] = path
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class EngineSpread:
    """What serving by one engine adds to the error of its steps.

    Args:
        fitted, rows: figures that told it, and figures that it is told of, which are others.
        as_shipped: share of these inside the shipped intervals.
        added: what the first lack in the squares of their errors so that 80 % would be inside.
        inside: share inside once that is added.
        left_out: share inside with what the other engines lack in its place.
    """

    fitted: int
    rows: int
    as_shipped: float
    added: float
    inside: float
    left_out: float


@dataclass(frozen=True, slots=True)
class Served:
    """A served figure by its flags alone, its engine, and which half of the rows it is of."""

    engine: str
    is_score: bool
    sample: Sample


def served_spreads(found: Sequence[Served]) -> dict[tuple[str, str], EngineSpread]:
    """The spread of every quantity and engine, told by one half of the rows of the other."""
    halves: dict[tuple[str, str], tuple[list[Sample], list[Sample]]] = {}
    for served in found:
        key = served.sample.quantity, served.engine
        halves.setdefault(key, ([], []))[served.is_score].append(served.sample)
    told = {key: _lacking(fit) for key, (fit, score) in sorted(halves.items()) if fit and score}
    spreads = {}
    for key, added in told.items():
        fit, score = halves[key]
        others = [more for other, more in told.items() if other[0] == key[0] and other != key]
        lent = float(np.mean(others)) if others else 0.0
        spreads[key] = EngineSpread(
            len(fit), len(score), _inside(score, 0.0), added, _inside(score, added),
            _inside(score, lent * _of_one_more(len(others)) ** 2) if others else float("nan"),
        )  # fmt: skip
    return spreads


def _lacking(samples: Sequence[Sample]) -> float:
    """What must be added to the squared errors of ``samples`` so that 80 % lie inside."""
    needed = [(sample.log_ratio / Z_80) ** 2 - sample.sigma**2 for sample in samples]
    return float(np.quantile(needed, _SHARE))


def _inside(samples: Sequence[Sample], added: float) -> float:
    held = [abs(s.log_ratio) <= Z_80 * math.sqrt(max(s.sigma**2 + added, 0.0)) for s in samples]
    return float(np.mean(held))


def served_by_flags(data: Path, every: int) -> list[Served]:
    """One served question in ``every``, by its flags alone, of both halves of the rows."""
    files = (
        data / "serving" / "measured_serving.csv",
        data / "published" / "datacenter.csv",
        data / "published" / "datacenter_npu.csv",
    )
    questions: dict[str, list[Point]] = {}
    for file in files:
        for point in read_points(file):
            if point.phase == "serve" and not point.unasked:
                asked = by_flags_alone(point)
                key = str((asked.hardware, asked.model, sorted(asked.asked.items(), key=str)))
                questions.setdefault(key, []).append(asked)
    found = []
    for key in sorted(questions)[::every]:
        for is_score in (False, True):
            points = [point for point in questions[key] if point.is_score_row is is_score]
            samples, _ = serve_points(points)
            engine = str(questions[key][0].question["engine"])
            found += [Served(engine, is_score, sample) for sample in samples]
    return found


def main() -> None:
    """Print what each error must be, and what the shipped ones cover."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of measured data")
    parser.add_argument("--served", type=int, default=0, metavar="EVERY", help="0 asks none")
    options = parser.parse_args()
    head = ("shipped inside", "covers 80 %", "of one more", "half on half")
    print(f"{'law':<14}{'known as':<22}" + "".join(f"{name:>16}" for name in head))
    for (law, standing), found in kernel_covers(options.data).items():
        print(
            f"{law:<14}{standing:<22}{found.as_shipped:>16.0%}{found.of_all:>16.3f}"
            f"{found.of_one_more:>16.3f}{found.on_others:>16.0%}"
        )
    if not options.served:
        return
    names = ("quantity", "engine", "fitted", "scored", "shipped", "lacking", "then", "left out")
    print("\n" + f"{names[0]:<26}{names[1]:<18}" + "".join(f"{name:>10}" for name in names[2:]))
    spreads = served_spreads(served_by_flags(options.data, options.served))
    for (quantity, engine), spread in spreads.items():
        lacking = math.copysign(math.sqrt(abs(spread.added)), spread.added)
        print(
            f"{quantity:<26}{engine:<18}{spread.fitted:>10}{spread.rows:>10}"
            f"{spread.as_shipped:>10.0%}{lacking:>+10.2f}{spread.inside:>10.0%}"
            f"{spread.left_out:>10.0%}"
        )


if __name__ == "__main__":
    main()
