"""Everyday tasks: ``nox -s check`` runs everything that must pass before a change lands."""

import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check"]

SOURCES = ("simulator", "tests", "benchmarks", "noxfile.py")
PAGES = {
    "simulator.planning.catalogue_page": "docs/catalogue.md",
    "simulator.report.figures_page": "docs/figures.md",
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
    """Format, lint, types, and the rule that imports go only downward."""
    run(session, "ruff", "format", "--check", *SOURCES)
    run(session, "ruff", "check", *SOURCES)
    run(session, "mypy")
    run(session, "lint-imports")


@nox.session
def test(session: nox.Session) -> None:
    """All tests, with coverage; pass ``-- -m "not slow"`` for the quick ones."""
    report = "--cov-report=term:skip-covered"
    run(session, "pytest", "-n", "2", "--cov", report, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages of the documentation that come from the catalogue and from tables."""
    for module, page in PAGES.items():
        text = session.run(sys.executable, "-m", module, silent=True, external=True)
        Path(page).write_text(str(text), encoding="utf-8")


@nox.session
def check(session: nox.Session) -> None:
    """What continuous integration runs."""
    lint(session)
    test(session)
