"""Sizes of base models that studies often name, so that a plan needs no download. Rows stand in `well_known.tsv`."""

import csv
from functools import cache
from importlib.resources import files

from crosstune.models.shape import ModelShape


@cache
def _table() -> dict[str, tuple[ModelShape, str]]:
    text = files("crosstune.models").joinpath("well_known.tsv").read_text("utf-8")
    table = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        name, chat_format = row.pop("id"), row.pop("chat_format")
        table[name.lower()] = (ModelShape(**{column: int(value) for column, value in row.items()}), chat_format)
    return table


def well_known(hub_id: str) -> tuple[ModelShape, str] | None:
    """Shape and customary chat format of a hub model, or None when the table has no such row."""
    return _table().get(hub_id.lower())
