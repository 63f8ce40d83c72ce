"""What a user's own server adds to the device's time, fitted to a handful of its runs.

Three numbers tell one server from another: host time of a step, what each sequence adds to it, and
what HTTP, tokenising and the way back add to a first token. They are fitted to the runs' TTFT and
TPOT, from the engine's own profile as prior. How good that is, is told on runs that the fit has not
seen: each run is predicted by a fit to all the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from simulator.errors import InputError
from simulator.serving.cluster import serve
from simulator.simulate.cluster import resolve
from simulator.simulate.predict import question
from simulator.simulate.run import summarise
from simulator.simulate.serving_point import whole_or_sample
from simulator.simulate.traffic import cluster_settings, requests_of
from simulator.specs import catalogue
from simulator.specs.scenario import Scenario
from simulator.validation.measured.point import Point
from simulator.validation.measured.runs import Told
from simulator.validation.read import read_points
from simulator.validation.score import Group, Sample, group_by

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Overhead:
    """One number of a profile: how far servers scatter, and the step of a difference, in s."""

    scatter_s: float
    step_s: float


OVERHEADS: Mapping[str, _Overhead] = {
    "step_overhead": _Overhead(2e-3, 5e-4),
    "sequence_overhead": _Overhead(2e-5, 1e-5),
    "server_overhead": _Overhead(0.1, 2e-2),
}
_FITTED = ("ttft_s", "tpot_s", "ttft_p50_s", "tpot_p50_s")
_ROW_SIGMA = 0.1
_ROUNDS = 2
FEWEST_RUNS = 3
_NOTHING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one run: measured, predicted as the engine is, and by a fit without the run."""

    asked: str
    quantity: str
    measured: float
    before: float
    left_out: float


@dataclass(frozen=True, slots=True)
class FittedServer:
    """An engine's profile with a server's own overheads.

    Args:
        engine: the engine that it is built on.
        hardware: the device of the runs.
        file: where it goes, unless the user says otherwise.
        text: the whole file.
        overheads: seconds before and after, by name.
        runs: how many runs were fitted.
        rows: every figure, see ``Row``.
        before, after: errors with the engine's own profile, and of fits that had not seen the run.
        refused: runs that could not be used, with the reason.
    """

    engine: str
    hardware: str
    file: Path
    text: str = field(repr=False)
    overheads: Mapping[str, tuple[float, float]]
    runs: int
    rows: tuple[Row, ...] = field(repr=False)
    before: tuple[Group, ...]
    after: tuple[Group, ...]
    refused: tuple[tuple[str, str], ...] = field(repr=False, default=())

    @property
    def helps(self) -> bool:
        """Whether unseen runs err less than with the engine's own profile, all figures together."""
        before, after = (
            [abs(value / row.measured - 1) for row, value in zip(self.rows, values, strict=True)]
            for values in ([r.before for r in self.rows], [r.left_out for r in self.rows])
        )
        return float(np.mean(after)) < float(np.mean(before))

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "helps": self.helps,
            "engine": self.engine,
            "hardware": self.hardware,
            "file": str(self.file),
            "yaml": self.text,
            "overheads": {n: {"before": b, "after": a} for n, (b, a) in self.overheads.items()},
            "runs": self.runs,
            "rows": [asdict(row) for row in self.rows],
            "before": [group.to_dict() for group in self.before],
            "after": [group.to_dict() for group in self.after],
            "refused": [{"row": row, "reason": reason} for row, reason in self.refused],
        }


@dataclass(frozen=True, slots=True)
class _Run:
    """One measured run: its points, which ask the same, under a name of its own."""

    name: str
    points: tuple[Point, ...]

    @property
    def measured(self) -> FloatArray:
        return np.array([point.value for point in self.points])

    def scenario(self, engine: str) -> Scenario:
        point = self.points[0]
        fields = {**point.asked, "engine": engine, "phase": "serve"}
        return question(point.hardware, point.model, fields)


def served_points(data: Sequence[Path], told: Told) -> list[Point]:
    """Latencies of served runs in ``data``, a folder's files among them, on the device ``told``.

    Raises:
        InputError: a file that is not understood.
    """
    hardware = catalogue.hardware(str(told.hardware).partition(":")[0]).name
    files = [
        file
        for path in data
        for file in (sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path])
    ]
    points = (p for file in files for p in read_points(file, told))
    return [
        p
        for p in points
        if p.phase == "serve" and p.hardware.partition(":")[0] == hardware and p.quantity in _FITTED
    ]


def fit_server(
    points: Sequence[Point], progress: Callable[[int, int], None] | None = None
) -> FittedServer:
    """Fit the overheads of one server to ``points`` of its runs.

    Raises:
        InputError: runs of several engines, or fewer than can be told apart.
    """
    engine = _one_engine(points)
    profile = catalogue.engine_profile(engine)
    start = np.array([float(getattr(profile, name)) for name in OVERHEADS])
    with TemporaryDirectory() as folder:
        play = _Player(Path(folder), engine, progress)
        runs, refused = _playable(points, play, start)
        play.expect((_ROUNDS * (len(OVERHEADS) + 1) + 1) * len(runs))
        before = play.all(runs, start)
        values = start
        for _ in range(_ROUNDS):
            line = _Linear.around(values, runs, play)
            values = line.fitted(start, range(len(runs)))
        unseen = []
        for i, run in enumerate(runs):
            others = line.fitted(start, [j for j in range(len(runs)) if j != i])
            unseen.append(play.one(run, others))
    rows = tuple(
        Row(p.described, p.quantity, p.value, float(was), float(is_now))
        for run, old, new in zip(runs, before, unseen, strict=True)
        for p, was, is_now in zip(run.points, old, new, strict=True)
    )
    hardware = runs[0].points[0].hardware
    return FittedServer(
        engine=engine,
        hardware=hardware,
        file=Path(f"{engine}-{hardware.replace(':', '-')}.yaml"),
        text=_profile_text(engine, values, runs, rows),
        overheads={
            name: (float(was), float(is_now))
            for name, was, is_now in zip(OVERHEADS, start, values, strict=True)
        },
        runs=len(runs),
        rows=rows,
        before=_groups(runs, before),
        after=_groups(runs, unseen),
        refused=tuple(refused),
    )


def _one_engine(points: Sequence[Point]) -> str:
    engines = sorted({str(point.question.get("engine", "vllm")) for point in points})
    if len(engines) != 1:
        raise InputError(
            f"the runs are of {len(engines)} engines: {', '.join(engines)}",
            field="data",
            remedy="give the runs of one server at a time",
        )
    return engines[0]


def _playable(
    points: Sequence[Point], play: "_Player", start: FloatArray
) -> tuple[list[_Run], list[tuple[str, str]]]:
    """Runs that can be simulated, means before medians; the others with the reason."""
    by_question: dict[str, list[Point]] = {}
    for point in points:
        by_question.setdefault(f"{point.model} {point.described} {point.source}", []).append(point)
    runs: list[_Run] = []
    refused: list[tuple[str, str]] = []
    for name, found in by_question.items():
        means = [p for p in found if "_p50" not in p.quantity] or found
        run = _Run(name, tuple(means))
        if run.points[0].unasked:
            refused.append((name, run.points[0].unasked))
            continue
        try:
            play.one(run, start)
        except InputError as error:
            refused.append((name, str(error).split("\n")[0]))
            continue
        runs.append(run)
    if len(runs) < FEWEST_RUNS:
        told = "; ".join(reason for _, reason in refused[:2])
        raise InputError(
            f"{len(runs)} runs can be used, and {FEWEST_RUNS} are needed",
            field="data",
            remedy=told or "measure at more loads; ten make a good fit",
        )
    return runs, refused


class _Player:
    """Simulates runs under candidate overheads, each a profile file of its own."""

    def __init__(
        self, folder: Path, engine: str, progress: Callable[[int, int], None] | None
    ) -> None:
        self._folder, self._engine, self._progress = folder, engine, progress
        self._files: dict[tuple[float, ...], str] = {}
        self._played: dict[tuple[str, tuple[float, ...]], FloatArray] = {}
        self._done = self._expected = 0

    def expect(self, simulations: int) -> None:
        """How many simulations are still to come."""
        self._done, self._expected = 0, simulations

    def all(self, runs: Sequence[_Run], values: FloatArray) -> list[FloatArray]:
        """What every run is predicted to measure."""
        return [self.one(run, values) for run in runs]

    def one(self, run: _Run, values: FloatArray) -> FloatArray:
        """What one run is predicted to measure."""
        key = run.name, tuple(values.tolist())
        if key not in self._played:
            scenario = run.scenario(self._profile(key[1]))
            asked, cluster, _ = whole_or_sample(scenario, resolve(scenario))
            table = requests_of(asked.workload, cluster)
            outcome = serve(table, cluster_settings(asked, cluster))
            figures = summarise(asked, cluster, outcome).figures
            self._played[key] = np.array([float(figures[p.quantity]) for p in run.points])
        self._done += 1
        if self._progress is not None and self._expected:
            self._progress(min(self._done, self._expected), self._expected)
        return self._played[key]

    def _profile(self, values: tuple[float, ...]) -> str:
        if values not in self._files:
            path = self._folder / f"{len(self._files)}.yaml"
            lines = [f"base: {self._engine}"]
            lines += [f"{name}: {value!r} s" for name, value in zip(OVERHEADS, values, strict=True)]
            path.write_text("\n".join(lines), encoding="utf-8")
            self._files[values] = str(path)
        return self._files[values]


@dataclass(frozen=True, slots=True)
class _Linear:
    """Predictions of all runs as straight lines of the overheads around some values."""

    around_values: FloatArray
    measured: tuple[FloatArray, ...]
    values: tuple[FloatArray, ...]
    slopes: tuple[FloatArray, ...]

    @classmethod
    def around(cls, at: FloatArray, runs: Sequence[_Run], play: _Player) -> "_Linear":
        """Differences of simulations, one overhead after the other."""
        here = play.all(runs, at)
        steps = [overhead.step_s for overhead in OVERHEADS.values()]
        there = []
        for i, step in enumerate(steps):
            moved = at.copy()
            moved[i] += step
            there.append(play.all(runs, moved))
        slopes = tuple(
            np.stack([(there[i][r] - here[r]) / steps[i] for i in range(len(steps))], axis=1)
            for r in range(len(runs))
        )
        return cls(at, tuple(run.measured for run in runs), tuple(here), slopes)

    def fitted(self, prior: FloatArray, chosen: Sequence[int] | range) -> FloatArray:
        """Overheads that bring the lines of the chosen runs nearest to what was measured."""
        measured = np.concatenate([self.measured[i] for i in chosen])
        values = np.concatenate([self.values[i] for i in chosen])
        slopes = np.concatenate([self.slopes[i] for i in chosen])
        scatter = np.array([overhead.scatter_s for overhead in OVERHEADS.values()])

        def residuals(units: FloatArray) -> FloatArray:
            tried = units * scatter
            said = np.maximum(values + slopes @ (tried - self.around_values), 0.05 * values)
            beside = units - prior / scatter
            return np.concatenate([np.log(said / measured) / _ROW_SIGMA, beside])

        found = least_squares(
            residuals, np.maximum(self.around_values / scatter, 1e-9), bounds=(0.0, np.inf),
            loss="soft_l1",
        )  # fmt: skip
        values_s = np.asarray(found.x * scatter, np.float64)
        return np.where(values_s < _NOTHING_S, 0.0, values_s)


def _groups(runs: Sequence[_Run], predicted: Sequence[FloatArray]) -> tuple[Group, ...]:
    samples = [
        Sample(p.hardware, p.model, p.phase, p.quantity, p.value, float(value))
        for run, values in zip(runs, predicted, strict=True)
        for p, value in zip(run.points, values, strict=True)
    ]
    return group_by(samples, "hardware", "phase", "quantity")


def _profile_text(
    engine: str, values: FloatArray, runs: Sequence[_Run], rows: Sequence[Row]
) -> str:
    """The profile as a file: its base, and what was measured to differ."""
    import yaml

    error = float(np.mean([abs(row.left_out / row.measured - 1) for row in rows]))
    source = (
        f"{len(runs)} runs on {runs[0].points[0].hardware} ({runs[0].points[0].source}, …), fitted "
        f"{date.today().isoformat()}; each run, by a fit to the others, errs by {error:.1%} on "
        "average"
    )
    content: dict[str, Any] = {"base": engine, "name": f"{engine}-measured"}
    content |= {"title": f"{engine}, as one server was measured", "source": source}
    for name, value in zip(OVERHEADS, values, strict=True):
        content[name] = {"value": f"{value * 1e3:.4g} ms", "kind": "measured"}
    text = yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)
    return f"# What one server of {engine} was measured to add; use it as --engine FILE.\n{text}"
