"""SQLite files as tracking stores."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from pathlib import Path

from filelock import FileLock

from pipeline.tracking.errors import StoreError


def path_of(uri: str) -> Path | None:
    """Return the file that a store's address names; None for another kind of store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def create(path: Path) -> None:
    """Create an SQLite store where there is none, or check that the file is one.

    It is made in another file and renamed: MLflow cannot repair a store that was interrupted while
    it was made. If several processes need it, one makes it and the others wait.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"its folder cannot be made: {error}."
        raise StoreError(f"the tracking store {path}: {problem}") from error
    with FileLock(f"{path}.lock"):
        if path.exists() and path.stat().st_size:
            check(path)
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            made = SqlAlchemyStore(  # type: ignore[no-untyped-call]
                f"sqlite:///{unfinished}", str(path.parent / "mlartifacts")
            )
            made.engine.dispose()
            unfinished.replace(path)
        finally:
            for left in path.parent.glob(f"{unfinished.name}*"):
                left.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raise `StoreError` for a file that is no SQLite database: MLflow would try for a minute."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("pragma schema_version")
    except sqlite3.Error as error:
        raise StoreError(
            f"the tracking store {path} does not work: {error}. "
            "Name another by tracking.uri=..., or set tracking=off."
        ) from error
