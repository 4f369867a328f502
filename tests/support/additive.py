"""Whether a program that knows an earlier schema can go on with a later one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class Table:
    """columns by name; uniques: the sets of columns of which no two rows may be alike, each with
    the condition under which that counts.
    """

    columns: Mapping[str, Any]
    uniques: set[tuple[tuple[str, ...], str]]


def tables(connection: sa.Connection) -> dict[str, Table]:
    seen = sa.inspect(connection)
    return {
        name: Table(
            columns={each["name"]: each for each in seen.get_columns(name)},
            uniques={
                (tuple(each["column_names"]), "") for each in seen.get_unique_constraints(name)
            }
            | {
                (
                    tuple(str(column) for column in each["column_names"]),
                    " ".join(str(value) for value in each.get("dialect_options", {}).values()),
                )
                for each in seen.get_indexes(name)
                if each["unique"]
            },
        )
        for name in seen.get_table_names()
        if name != "alembic_version"
    }


def what_breaks(before: Mapping[str, Table], after: Mapping[str, Table]) -> Iterator[str]:
    """One line for each thing that statements written for the schema before cannot cope with."""
    for name, table in before.items():
        if name not in after:
            yield f"{name} is gone"
            continue
        new = after[name]
        for column, old in table.columns.items():
            now = new.columns.get(column)
            if now is None:
                yield f"{name}.{column} is gone"
            elif str(now["type"]) != str(old["type"]):
                yield f"{name}.{column} was {old['type']} and is {now['type']}"
            elif old["nullable"] and not now["nullable"]:
                yield f"{name}.{column} must now have a value"
        for column in new.columns.keys() - table.columns.keys():
            added = new.columns[column]
            if not (added["nullable"] or added["default"] or added.get("computed")):
                yield f"{name}.{column} is new, and must have a value"
        for columns, where in sorted(new.uniques - table.uniques):
            yield f"{name}: {', '.join(columns)} must now be unique {where}".strip()
        for columns, where in sorted(table.uniques - new.uniques):
            yield f"{name}: {', '.join(columns)} were unique {where}".strip()
