"""What our own services must remember over a restart: one SQLite database that they share, in memory or in a file.

Each service keeps its working state in memory, where it is quick to ask, and writes every change through before it
answers. With WAL and synchronous=NORMAL a committed change survives the death of the process at any line (SIGKILL
included; only a machine that loses power may lose the last moments), and a commit costs tens of microseconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class StateError(Exception):
    """The state cannot be used; the message says what to do about it."""


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


Row = TypeVar("Row", bound=_Dataclass)


class State:
    """The connection. Use it from the event loop's thread only; one process at a time may hold a file."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.path = str(path)
        # isolation_level None: no transactions behind our back; `transaction` makes the ones that we mean.
        self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("BEGIN EXCLUSIVE")  # takes the file's lock, which is then kept until close()
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise StateError(
                f"The state in {self.path} cannot be opened ({error}): another local cloud uses it, or it is no "
                f"database. Stop the other one, or name another directory."
            ) from error

    def table(self, name: str, row_type: type[Row]) -> Table[Row]:
        """The table of that name, made if it is not there."""
        return Table(self._connection, name, row_type)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything written inside is kept together or not at all. Not nested; no await inside."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class Table(Generic[Row]):
    """Flat dataclasses of str, int, float, bytes, bool and None, one to a row, kept under their first field."""

    def __init__(self, connection: sqlite3.Connection, name: str, row_type: type[Row]) -> None:
        self._connection = connection
        self._row_type = row_type
        columns = [field.name for field in dataclasses.fields(row_type)]
        key = columns[0]
        # Names come from our own dataclasses, values only ever through parameters.
        declared = ", ".join(f'"{column}"' + (" PRIMARY KEY" if column == key else "") for column in columns)
        connection.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({declared})')
        found = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
        if found != columns:
            raise StateError(
                f"Table {name} was written by another version of the local cloud (it has {', '.join(found)}, this "
                f"version has {', '.join(columns)}). Start with an empty data directory."
            )
        self._columns = columns
        self._put = f'INSERT OR REPLACE INTO "{name}" VALUES ({", ".join("?" * len(columns))})'  # noqa: S608 - see above
        self._remove = f'DELETE FROM "{name}" WHERE "{key}" = ?'  # noqa: S608 - see above
        self._all = f'SELECT * FROM "{name}" ORDER BY rowid'  # noqa: S608 - see above

    def put(self, row: Row) -> None:
        self._connection.execute(self._put, [getattr(row, column) for column in self._columns])

    def remove(self, key: str) -> None:
        self._connection.execute(self._remove, [key])

    def all(self) -> list[Row]:
        """In the order in which rows were last written."""
        return [self._row_type(*values) for values in self._connection.execute(self._all)]
