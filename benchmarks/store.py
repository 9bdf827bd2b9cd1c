"""Results of all sections in one JSON file,
so that a part can be run alone and the report drawn again.
"""

import json
import math
from pathlib import Path
from typing import Any


class Store:
    """A dictionary of sections that is written after every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, section: str) -> dict[str, Any]:
        return self.results.setdefault(section, {})

    def put(self, section: str, name: str, result: Any) -> None:
        """One result, and the file with it."""
        self[section][name] = result
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain(self.results), indent=1, allow_nan=False)
        self.path.write_text(text + "\n")


def plain(value: Any) -> Any:
    """JSON has no nan and no infinity: None;
    six digits of time and ten of an objective are plenty.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    return value
