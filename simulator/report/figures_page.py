"""The table of figures as a page of the documentation.

python -m simulator.report.figures_page > docs/figures.md
"""

from simulator.simulate.figure import Figure
from simulator.simulate.figures import FIGURES


def figures_page() -> str:
    """Markdown with a row for each figure."""
    lines = [
        "# Figures",
        "",
        "Written by `python -m simulator.report.figures_page` from the table that JSON, CSV, data",
        "frames, the terminal and reports are printed from too. Each figure is a key of",
        "`roofsim run --json` and an attribute of the answer in Python; those with a dot are also",
        "columns of `roofsim predict`. What is [uncertain](uncertainty.md) comes with `<key>_low`",
        "and `<key>_high`, an 80 % interval.",
        "",
        "| key | in | | better | uncertain by | is |",
        "| --- | --- | :-: | --- | --- | --- |",
        *map(_row, FIGURES),
    ]
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> str:
    cells = (
        f"`{figure.key}`",
        figure.unit,
        "•" if figure.column else "",
        figure.better or "",
        ", ".join(figure.errors),
        figure.definition,
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(figures_page(), end="")
