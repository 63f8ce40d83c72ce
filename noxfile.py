"""Everyday tasks: ``nox -s check`` runs everything that must pass before a change lands."""

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


@nox.session
def check(session: nox.Session) -> None:
    """What continuous integration runs."""
    lint(session)
    test(session)
