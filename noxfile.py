"""Everyday tasks: ``nox -s check`` runs everything that must pass before a change lands."""

import os
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check"]

MEASURED = Path("../shared/data")
"""Measured data beside the checkout; it is no part of the project."""

SOURCES = ("simulator", "tests", "benchmarks", "noxfile.py")
PAGES = {
    "simulator.planning.catalogue_page": "docs/catalogue.md",
    "simulator.report.figures_page": "docs/figures.md",
    "simulator.report.scenario_page": "docs/scenario.md",
    "simulator.report.scenario_template": "simulator/specs/templates/scenario.yaml",
}


QUICK_FOLDERS = ("tests/cli", "tests/golden", "tests/report", "tests/files")
"""Tests that go through every library that roofsim stands on, within half a minute."""


def run(session: nox.Session, tool: str, *arguments: str) -> None:
    """Run a tool of the environment that nox itself is installed in."""
    session.run(str(Path(sys.executable).parent / tool), *arguments, external=True)


@nox.session
def format(session: nox.Session) -> None:
    """Rewrite the sources in the project's format, and mend what ruff can mend."""
    run(session, "ruff", "check", "--fix", *SOURCES)
    run(session, "ruff", "format", *SOURCES)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, types, the rule that imports go only downward, and code that nothing uses."""
    run(session, "ruff", "format", "--check", *SOURCES)
    run(session, "ruff", "check", *SOURCES)
    run(session, "mypy")
    run(session, "lint-imports")
    run(session, "vulture")


@nox.session
def test(session: nox.Session) -> None:
    """All tests; pass ``-- -m "not slow"`` for the quick ones."""
    run(session, "pytest", "-n", "2", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """All tests, and which lines they do not reach; watching takes half as long again."""
    report = "--cov-report=term:skip-covered"
    run(session, "pytest", "-n", "2", "--cov", report, *session.posargs)


@nox.session
def mutate(session: nox.Session) -> None:
    """Which slips in laws and serving the tests miss, on a sample; takes an hour.

    Pass ``-- --seed 2 --mutants 400`` for others.
    """
    session.run(sys.executable, "benchmarks/mutation.py", *session.posargs, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ten thousand mutated inputs of each kind, where the tests take forty; takes an hour.

    ``ROOFSIM_FUZZ`` is another number of them, ``ROOFSIM_FUZZ_SEED`` where they begin.
    """
    budget = {"ROOFSIM_FUZZ": os.environ.get("ROOFSIM_FUZZ", "10000")}
    command = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "load", "tests/fuzz")
    session.run(*command, *session.posargs, env=budget, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Write what documentation and templates say from its sources, which takes minutes."""
    for module, page in PAGES.items():
        text = session.run(sys.executable, "-m", module, silent=True, external=True)
        Path(page).write_text(str(text), encoding="utf-8")
    measured = ("--data", str(MEASURED)) if MEASURED.is_dir() else ()
    if not measured:
        session.warn(f"accuracy stays as it was last measured: there is no {MEASURED}")
    module = "simulator.validation.accuracy_page"
    session.run(sys.executable, "-m", module, *measured, external=True)


def tested_with(session: nox.Session, resolution: str, *tests: str) -> None:
    """Run tests in an environment of its own with the versions that ``resolution`` chooses.

    Skips where packages cannot be fetched; versions that do not go together are an error.
    """
    home = Path(session.create_tmp()).resolve() / "env"
    python = home / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    made = ["venv", "--quiet", "--clear", "--python", sys.executable, str(home)]
    session.run(*uv, *made, external=True)
    chosen = ["--resolution", resolution, "--upgrade", "--editable", ".[dev]"]
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), *chosen]
    done = subprocess.run(install, stderr=subprocess.PIPE, text=True)
    if "Failed to fetch" in done.stderr:
        session.skip("packages cannot be fetched from here")
    if done.returncode:
        session.error(f"no {resolution} versions can be installed:\n{done.stderr}")
    session.run(str(python), "-m", "pytest", "-n", "2", *tests, external=True)


@nox.session
def lowest(session: nox.Session) -> None:
    """Tests with the lowest versions that pyproject.toml declares; pass ``-- tests`` for all."""
    tested_with(session, "lowest-direct", *(session.posargs or ("-m", "not slow", *QUICK_FOLDERS)))


@nox.session
def newest(session: nox.Session) -> None:
    """All tests with the newest versions that there are."""
    tested_with(session, "highest", *(session.posargs or ("tests",)))


@nox.session
def check(session: nox.Session) -> None:
    """What continuous integration runs."""
    lint(session)
    test(session)
    session.notify("lowest")
