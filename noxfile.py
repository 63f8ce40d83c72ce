"""Everyday tasks: ``nox -s check`` runs everything that must pass before a change lands."""

from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check"]

SOURCES = ("simulator", "tests", "benchmarks", "noxfile.py")


@nox.session
def format(session: nox.Session) -> None:
    """Rewrite the sources in the project's format, and mend what ruff can mend."""
    session.run("ruff", "check", "--fix", *SOURCES)
    session.run("ruff", "format", *SOURCES)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, types, and the rule that imports go only downward."""
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("ruff", "check", *SOURCES)
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def test(session: nox.Session) -> None:
    """All tests, with coverage; pass ``-- -m "not slow"`` for the quick ones."""
    session.run("pytest", "-n", "2", "--cov", "--cov-report=term:skip-covered", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages of the documentation that come from the catalogue."""
    page = session.run("python", "-m", "simulator.planning.catalogue_page", silent=True)
    Path("docs/catalogue.md").write_text(str(page), encoding="utf-8")


@nox.session
def check(session: nox.Session) -> None:
    """What continuous integration runs."""
    lint(session)
    test(session)
