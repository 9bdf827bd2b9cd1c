"""The race of `halfspaces train`, as it is printed."""

import math

from rich.text import Text

from halfspaces.cli import report
from halfspaces.cli.screen import console
from halfspaces.tuning.race import Race


def show(found: Race) -> None:
    """Print the candidates, the best first, and those that were left out."""
    winner = found.winner
    table = report.table_of("candidate", "training rows", "held-out accuracy", "seconds")
    table.columns[0].overflow = "fold"
    for entry in found.last_entries:
        style = "bold" if entry.name == winner.name else None
        accuracy = report.percent(entry.score)
        if math.isfinite(entry.error):
            accuracy += f" ± {100 * entry.error:.2f}"
        row = (f"{entry.rows:,}", accuracy, f"{entry.seconds:.1f}")
        table.add_row(Text(entry.name), *row, style=style)
    console.print()
    report.heading("race")
    console.print(table)
    report.pair("winner", f"{winner.name}; its accuracy is optimistic: it was selected")
    if (second := found.runner_up) is not None:
        lead, error = second.behind(winner)
        points = f"{100 * abs(lead):.2f}"
        points += f" ± {100 * error:.2f} points" if math.isfinite(error) else " points"
        is_simpler = ", but simpler, and within the error" if lead < 0 else ""
        report.pair(
            "", f"{points} {'behind' if is_simpler else 'before'} {second.name}{is_simpler}"
        )
    for why in dict.fromkeys(found.left_out.values()):
        names = [name for name, reason in found.left_out.items() if reason == why]
        report.pair("left out", f"{'; '.join(names)}: {why}")
    console.print()
