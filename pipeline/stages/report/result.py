"""``result.json``: its declared type, and the only code that writes and reads it.

It is written last, when every other file of the run is complete, and lists the sha256 of each. So
a run folder with a ``result.json`` is a finished run, and a damaged or missing file is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeVar

from typing_extensions import TypedDict

from pipeline.core.errors import UserError
from pipeline.core.files import file_digest, sync, write_json
from pipeline.core.scores import LOWER_IS_BETTER, Majority, Scores
from pipeline.stages.best.best import Criterion

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

FILE = "result.json"
SplitName = Literal["train", "dev", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "dev", "test")

RUN_FOLDERS = ("corpus", "vocab", "vectors", "evaluation", "sweep", "best", "report")
"""The folders that a run fills; together with `RUN_FILES`, all that it writes before the end."""
RUN_FILES = ("metrics.csv",)


class Numbers(TypedDict):
    """What the stages of a run found; what later versions added is `NotRequired`.

    ``coverage`` is the share of running words that have a vector, and ``without_words`` the number
    of sentences that have no such word, for each split. ``dim`` is that of the vectors, and
    ``features`` how many numbers the classifier sees.
    """

    task: str
    train: Scores
    dev: Scores
    test: Scores
    strength: float
    majority: NotRequired[Majority]
    coverage: dict[str, float]
    dim: int
    features: NotRequired[int]
    without_words: NotRequired[dict[str, int]]
    vocabulary: int
    tokens: int
    provenance: dict[str, Any]
    digests: dict[str, str]
    versions: dict[str, str]


class Result(Numbers):
    """The content of ``result.json``.

    What later versions added is `NotRequired`: version 0.1.0 wrote results without it.
    """

    name: str
    corpus: str
    vectors: str
    seed: int
    settings: dict[str, Any]
    settings_hash: str
    key: NotRequired[str]
    date: NotRequired[str]
    seconds: dict[str, float]
    mlflow_run_id: str | None
    stages: NotRequired[dict[str, str]]
    changed: NotRequired[dict[str, Any]]
    files: NotRequired[dict[str, str]]


def criterion(result: Result) -> str:
    """Return the metric on dev by which the strength was chosen, as ``result["dev"]`` names it."""
    return Criterion(result["settings"].get("best.metric", Criterion.accuracy)).key


def dev_score(result: Result) -> float:
    """Return how good a run is on dev by its criterion; more is better, so an error is negative."""
    name = criterion(result)
    value: float = result["dev"][name]  # type: ignore[literal-required]
    return -value if name in LOWER_IS_BETTER else value


class SplitFacts(TypedDict):
    """What ``corpus/summary.json`` says of a split; ``labels`` counts its classes."""

    sentences: int
    tokens: int
    labels: list[int]
    digest: str


class Splits(TypedDict):
    """The three splits."""

    train: SplitFacts
    dev: SplitFacts
    test: SplitFacts


class Finding(TypedDict):
    """What was found about a corpus; ``level`` is ``warning`` or ``note``."""

    kind: str
    level: str
    message: str


class Summary(TypedDict):
    """The content of ``corpus/summary.json``."""

    classes: list[str]
    splits: Splits
    phrases: NotRequired[SplitFacts | None]
    checks: NotRequired[list[Finding]]


def read_result(folder: Path) -> Result:
    """Read a run's ``result.json``.

    Raises
    ------
    UserError
        If there is none, or it is damaged: empty, cut, not JSON, or of other types.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(f"{folder} is not the folder of a finished run: no {path}.")
    return read_checked(path, Result)


def read_checked(path: Path, kind: type[T]) -> T:
    """Read a JSON file of a run and check that its content has the declared type.

    Raises
    ------
    UserError
        If it cannot be read, or is damaged.
    """
    from pydantic import ValidationError

    try:
        checked: T = _checker(kind).validate_json(path.read_bytes())  # type: ignore[arg-type] # types are hashable
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise UserError(f"{path} is damaged ({problem}). Run it again.") from error
    return checked


@cache
def _checker(kind: type) -> TypeAdapter[Any]:
    """Return pydantic's check of the type; unknown keys, of a later version, are left in place."""
    from pydantic import ConfigDict, TypeAdapter, with_config

    config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    return TypeAdapter(with_config(config)(kind))


def write_result(folder: Path, result: Result) -> None:
    """Write ``result.json`` with the sha256 of every file of the run: the last step of a run."""
    names = [name for name in RUN_FILES if (folder / name).is_file()]
    for part in RUN_FOLDERS:
        paths = (folder / part).rglob("*")
        names += [path.relative_to(folder).as_posix() for path in paths if path.is_file()]
    result["files"] = {name: file_digest(folder / name) for name in sorted(names)}
    for name in names:
        sync(folder / name)  # a result that survives a loss of power vouches for these files
    write_json(folder / FILE, result, durable=True)


def note_rewritten(folder: Path, names: Iterable[str]) -> None:
    """Note the sha256 of files of a finished run that were written again, such as its page."""
    result = read_result(folder)
    if "files" in result:
        result["files"] |= {name: file_digest(folder / name) for name in names}
        write_json(folder / FILE, result)


def set_mlflow_run_id(folder: Path, run_id: str) -> None:
    """Note which MLflow run a finished run is; its other numbers stay."""
    result = read_result(folder)
    if result["mlflow_run_id"] != run_id:
        result["mlflow_run_id"] = run_id
        write_json(folder / FILE, result)


def damaged_files(folder: Path, result: Result) -> list[str]:
    """Return the names of a run's files that are missing, or not as the run wrote them.

    Results of version 0.1.0 list no files, so nothing can be said of them.
    """
    files = result.get("files", {})
    return [name for name, digest in files.items() if not is_intact(folder, name, digest)]


def is_intact(folder: Path, name: str, digest: str) -> bool:
    """Tell whether a file of a run is there and has this sha256."""
    below = PurePosixPath(name)
    if below.is_absolute() or ".." in below.parts:  # not a file of this run
        return False
    path = folder / below
    return path.is_file() and file_digest(path) == digest
