"""Broken and hostile input for every reader, and a check that it does no harm.

Valid files are mutated at random, by a seed. A reader must accept the result, or refuse it in
one line; anything else it raises is a fault, and so is more memory than the file accounts for, a
hang, a program or a connection begun, or a file changed outside the reader's own folder.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import itertools
import json
import logging
import lzma
import os
import resource
import shutil
import signal
import struct
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from datasets import Dataset, DatasetDict
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from model2vec import StaticModel
from omegaconf.errors import OmegaConfBaseException
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace

from pipeline.cache.store import Store
from pipeline.cli import config
from pipeline.cli.conf import CONF
from pipeline.core.errors import UserError
from pipeline.core.plain import json_digest
from pipeline.stages.corpus import Table, Text
from pipeline.stages.corpus.sst import read_trees
from pipeline.stages.evaluation.files import read_pairs, read_questions
from pipeline.stages.sweep.persistence import load_classifier, save_classifier
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.formats import first_words, read_vectors, write_vectors
from pipeline.stages.vectors.word_vectors import WordVectors

SECONDS = 20  # for one input; all take a few thousandths of one
MEMORY = 96 << 20  # bytes beyond what the process has; a file here has at most some 100,000
BEGINS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn")
CONNECTS = ("socket.connect", "socket.bind", "pickle.find_class", "ctypes.dlopen")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
TOKENS = [
    *(
        b"0 1 2 3 -1 5 1e999 nan inf 0x10 1_0 1000000000000 9223372036854775808 " + b"9" * 30
    ).split(),
    *b"( ) [ ] { } \" ' , : ; = $ ~ \\ / .. ../../evil ${seed} ${oc.env:HOME} null true".split(),
    *("\x00 \xa0 \u2028 \ufeff \U0001f600 \x1b[2J é 東京".encode().split(b" ")),
    *(b" ", b"\t", b"\n", b"\r\n", b"\r", b"\n\n", b"\xff", b"\xc3", b"\x80", b"PK\x03\x04"),
    *(b"(" * 3000, b"[" * 3000, b"a " * 3000, b"\x00" * 64, b"\xff" * 8, b"-" * 3000),
]

Files = dict[str, bytes]


@dataclass(frozen=True)
class Reader:
    """A reader: how it reads a folder (False: refused), and the valid files that are mutated."""

    name: str
    read: Callable[[Path], object]
    valid: list[Files]
    share: float = 1.0  # of the inputs that other readers get
    sign: Callable[[Files], Files] = lambda files: files  # of mutated ones, half the time


@dataclass
class Tally:
    """How many of a reader's inputs were accepted, were refused or showed a fault."""

    accepted: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    inputs: dict[str, Files] = field(default_factory=dict)  # the first of each fault

    def fault(self, what: str, files: Files) -> None:
        self.faults[what] += 1
        self.inputs.setdefault(what, files)


class HangError(BaseException):
    """An input took too long."""


def mutated(files: Files, others: list[Files], rng: Random) -> Files:
    """Change one of the files, in one to six places."""
    name = rng.choice(sorted(files))
    content = bytearray(files[name])
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(content) + 1)
        end = min(len(content), at + rng.choice((1, 1, 2, 4, 16, 200)))
        match rng.randrange(8):
            case 0:
                content[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
            case 1:
                content[at:at] = rng.choice(TOKENS)
            case 2:
                content[at:end] = rng.choice(TOKENS)
            case 3:
                del content[at:end]
            case 4:
                content[at:at] = content[at:end] * rng.choice((1, 2, 300))
            case 5:
                del content[at:]
            case 6:  # another number where one is
                digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
                if digits:
                    at = rng.choice(digits)
                    content[at : at + 1] = rng.choice(TOKENS[:13])
            case _:
                other = rng.choice(others)
                content[at:end] = other.get(name, b"")[: rng.randrange(1, 300)]
    return files | {name: bytes(content)}


def fuzz(reader: Reader, folder: Path, inputs: int, seed: int) -> Tally:
    """Give a reader so many inputs."""
    rng = Random(f"{reader.name} {seed}")  # noqa: S311
    tally = Tally()
    for files in reader.valid:
        attempt(reader, folder, files, Tally())  # all is loaded and compiled before it counts
        assert attempt(reader, folder, files, Tally()) == "accepted", reader.name
    with limited():
        for _ in range(inputs):
            files = mutated(rng.choice(reader.valid), reader.valid, rng)
            if rng.random() < 0.5:
                files = reader.sign(files)
            attempt(reader, folder, files, tally)
    return tally


def attempt(reader: Reader, folder: Path, files: Files, tally: Tally) -> str:
    """Read one input, count the outcome and return it."""
    folder = folder / "in"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    outcome = "accepted"
    with watched(folder) as seen:
        try:
            if reader.read(folder) is False:
                outcome = "refused"
        except UserError as error:
            outcome = "refused"
            if not str(error).isprintable():
                outcome = "more than one line, or control characters"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = f"{type(error).__name__}: {error}"[:120]
    if seen:
        outcome = f"{seen[0][0]}: {seen[0][1]}"[:120]
    if outcome in {"accepted", "refused"}:
        setattr(tally, outcome, getattr(tally, outcome) + 1)
    else:
        tally.fault(outcome, files)
    shutil.rmtree(folder)
    return outcome


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Let the process have little more memory than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


_watched: tuple[str, list[tuple[str, str]]] | None = None


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watched is None:
        return
    folder, seen = _watched
    if event.startswith(BEGINS + CONNECTS):
        seen.append((event, str(args[:1])))
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in CHANGES:
        paths = args[: 2 if event in {"os.rename", "os.link", "os.symlink"} else 1]
        in_open_folder = event != "open" and isinstance(args[-1], int) and args[-1] >= 0
        for path in () if in_open_folder else paths:
            real = path if isinstance(path, int) else os.path.realpath(os.fsdecode(path))
            if not isinstance(real, int) and not real.startswith(folder) and real != os.devnull:
                seen.append((event, real))


sys.addaudithook(_audit)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[tuple[str, str]]]:
    """Note programs and connections begun, and files changed outside the folder."""
    global _watched  # noqa: PLW0603 - an audit hook cannot be removed, only turned off

    def hang(*_: object) -> None:
        raise HangError(f"more than {SECONDS} s")

    seen: list[tuple[str, str]] = []
    handler = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    unwritten, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _watched = (os.path.realpath(folder), seen)
    try:
        yield seen
    finally:
        _watched = None
        sys.dont_write_bytecode = unwritten
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)


# the readers ----------------------------------------------------------------------------------

WORDS = ["film", "the", "東京", "it's", "a", "bad", "good", "1999", "x", "n't"]
TREES = (
    "(3 (2 It) (3 (4 works) (2 .)))\n(0 (1 Dreadful) (2 .))\n\n(2 (2 -LRB-) (2 8\xa01/2))\n"
    + "(1 " * 40
    + "(1 deep)"
    + ")" * 40
)
PARTS = [f"a film {label},{label},{part}" for label in "012" for part in ("train", "dev", "test")]
TABLE = "\n".join(["text,label,split", *PARTS, '"It is ""good"", (really).\nYes.",2,train\n'])
PAIRS = [
    "word1\tword2\tPOS\tscore\nold\tnew\tA\t1.58\n# note\nfilm\tthe\tN\t3\n",
    "word1,word2,score\na,b,2.5\nold,new,1.58\n",
    "the film 3\nold new 1.58\n",
]
QUESTIONS = ": family\nboy girl brother sister\n: capital  cities\nAthens Greece Oslo Norway\n"


def vectors() -> WordVectors:
    matrix = np.random.default_rng(1).standard_normal((len(WORDS), 7)).astype(np.float32)
    return WordVectors(WORDS, matrix)


def files_of(folder: Path, name: str) -> Files:
    """Return the files that vectors are written to under a name."""
    return written(folder, lambda at: write_vectors(vectors(), at / name))


def deflated(content: bytes) -> bytes:
    """Pack an archive's members."""
    return zip_of(members(content))


def members(content: bytes) -> Files:
    """Return what is in an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Read an archive of the files in the folder: checksums do not hide what they hold."""

    def read_archive(folder: Path) -> object:
        parts = [path for path in folder.rglob("*") if path.is_file()]
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in parts:
                archive.write(path, path.relative_to(folder))
        return read(folder)

    return read_archive


def read_any(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        for words in (None, WORDS[:3]):
            found = read_vectors(folder / name, words)
            assert np.isfinite(found.matrix).all()

    return read


def read_again(name: str) -> Callable[[Path], None]:
    """Read a file of vectors, and its first words for messages."""
    read = read_any(name)

    def read_both(folder: Path) -> None:
        read(folder)
        first_words(folder / name, 3)

    return read_both


def fasttext_model(buckets: int) -> bytes:
    """Return a fastText model with n-grams, as its program writes it."""
    dim, entries = 3, [*WORDS, "</s>", "__label__x"]
    rows = np.random.default_rng(2).standard_normal((len(WORDS) + 1 + buckets, dim))
    head = struct.pack("<ii12id", 793712314, 12, dim, 5, 1, 1, 5, 1, 1, 2, buckets, 2, 4, 100, 1e-4)
    counts = struct.pack("<3i2q", len(entries), len(entries) - 1, 1, 99, -1)
    listed = b"".join(
        word.encode() + b"\0" + struct.pack("<qb", 9, word.startswith("__")) for word in entries
    )
    shape = struct.pack("<b2q", 0, *rows.shape)
    return head + counts + listed + shape + rows.astype("<f4").tobytes() + shape


def static_model(folder: Path) -> Files:
    """Return the files of a model2vec folder."""
    tokens = {token: i for i, token in enumerate(["[UNK]", *WORDS, "##s"])}
    tokenizer = Tokenizer(WordPiece(tokens, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    matrix = np.random.default_rng(3).standard_normal((len(tokens), 3)).astype(np.float32)
    StaticModel(matrix, tokenizer).save_pretrained(folder / "m")
    names = ("model.safetensors", "tokenizer.json", "config.json")
    found = {f"m/{name}": (folder / "m" / name).read_bytes() for name in names}
    shutil.rmtree(folder)
    folder.mkdir()
    return found


def npz_of_others() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, tokens=np.array(WORDS), embeddings=vectors().matrix)
    return buffer.getvalue()


def zip_of(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_table(name: str, **settings: Any) -> Callable[[Path], object]:
    """Read labelled texts; a folder's name says the split where `split` is not given."""
    return lambda folder: Table(path=str(folder / name), **settings).load()


def written(folder: Path, write: Callable[[Path], object]) -> Files:
    """Return the files that a program writes into an empty folder."""
    write(folder)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    shutil.rmtree(folder)
    folder.mkdir()
    return found


def labelled_readers(folder: Path) -> list[Reader]:
    """Return the readers of labelled texts, with files written by the programs that people use."""
    frame = pd.read_csv(io.StringIO(TABLE), dtype=str)
    csv = TABLE.encode()

    def table(name: str, write: Callable[[Path], object], share: float = 0.5) -> Reader:
        valid = written(folder, lambda at: write(at / name))
        return Reader(f"tables, {name[2:]}", read_table(name, split="split"), [valid], share)

    def saved(at: Path) -> None:
        parts = {str(name): part for name, part in frame.groupby("split")}
        held = {name: Dataset.from_pandas(part[["text", "label"]]) for name, part in parts.items()}
        DatasetDict(held).save_to_disk(at / "d")

    texts = {
        f"f/{part}/{label}/{i}.txt": f"A film {part} {label} {i}.".encode()
        for i, (part, label) in enumerate(itertools.product(("train", "dev", "test"), "012"))
    }
    lines = {
        f"f/{part}.txt": b"".join(b"__label__%d A film, %d.\n" % (n % 3, n) for n in range(6))
        for part in ("train", "dev", "test")
    }
    excel = written(folder, lambda at: frame.to_excel(at / "t.xlsx", index=False))
    zstd = pa.compress(csv, codec="zstd", asbytes=True)
    tar = {"f.tar": tar_of(texts)}
    tar_gz = {"f.tar.gz": gzip.compress(tar["f.tar"])}
    return [
        Reader("tables", read_table("t.csv", split="split"), [{"t.csv": csv}]),
        Reader(
            "tables, found out",
            read_table("t.csv", split="split"),
            [{"t.csv": text} for text in (csv.replace(b",", b"\t"), TABLE.encode("utf-16"))],
            0.5,
        ),
        table("t.jsonl", lambda path: frame.to_json(path, orient="records", lines=True)),
        table("t.json", lambda path: frame.to_json(path, orient="records")),
        table("t.parquet", frame.to_parquet),
        table("t.feather", frame.to_feather),
        table("t.csv.gz", lambda path: path.write_bytes(gzip.compress(csv)), 0.3),
        table("t.csv.bz2", lambda path: path.write_bytes(bz2.compress(csv)), 0.3),
        table("t.csv.xz", lambda path: path.write_bytes(lzma.compress(csv)), 0.3),
        table("t.csv.zst", lambda path: path.write_bytes(zstd), 0.3),
        table("t.csv.zip", lambda path: path.write_bytes(zip_of({"t.csv": csv})), 0.3),
        Reader("tables, xlsx", read_table("t.xlsx", split="split"), [excel], 0.2),
        Reader(
            "tables, xlsx: members",
            archived("t.xlsx", read_table("t.xlsx", split="split")),
            [members(excel["t.xlsx"])],
            0.2,
        ),
        Reader("fastText lines", read_table("f"), [lines], 0.5),
        Reader("a folder for each class", read_table("f"), [texts], 0.3),
        Reader(
            "a folder for each class, zip", read_table("f.zip"), [{"f.zip": zip_of(texts)}], 0.3
        ),
        Reader("a folder for each class, tar", read_table("f.tar"), [tar], 0.3),
        Reader("a folder for each class, tar.gz", read_table("f.tar.gz"), [tar_gz], 0.3),
        Reader("saved dataset", read_table("d"), [written(folder, saved)], 0.3),
    ]


class Thing:
    """A result with a life in files."""


def read_store(folder: Path) -> bool:
    """Load an entry; make it again if it is damaged."""
    key = {"a": 1}
    kept = Store(folder).get("s", lambda: key, Thing, lambda _, at: (at / "x").touch(), load_thing)
    assert isinstance(kept.value, Thing)
    return kept.how == "reused"


def load_thing(entry: Path) -> Thing:
    (entry / "value.txt").read_text("utf-8")
    return Thing()


def stored(folder: Path) -> Files:
    def save(_: Thing, at: Path) -> None:
        (at / "value.txt").write_text("v")

    Store(folder).get("s", lambda: {"a": 1}, Thing, save, load_thing)
    found = {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".lock"
    }
    shutil.rmtree(folder)
    folder.mkdir()
    return found


def signed(digest: Callable[[Any], str], key: str) -> Callable[[Files], Files]:
    """Give changed JSON its correct digest, so that the code behind the check is reached too."""

    def sign(files: Files) -> Files:
        for name, content in files.items():
            if name.endswith(".json"):
                with contextlib.suppress(ValueError, RecursionError):
                    values = json.loads(content)
                    if isinstance(values, dict):
                        values.pop(key, None)
                        for array in dicts_in(values.get("arrays")):
                            if (there := files.get(f"state/{array.get('file')}")) is not None:
                                array["sha256"] = hashlib.sha256(there).hexdigest()
                        if values and len(content) % 2:  # and of the values one is missing
                            values.pop(sorted(values)[len(content) % len(values)])
                        values[key] = digest(values)
                        files = files | {name: json.dumps(values).encode()}
        return files

    return sign


def dicts_in(values: Any) -> list[dict[str, Any]]:
    found = values.values() if isinstance(values, dict) else ()
    return [value for value in found if isinstance(value, dict)]


ARRAYS = {"input": (3, 4), "output": (2, 4)}


def checkpoint_of(folder: Path) -> tuple[Checkpoint, dict[str, np.ndarray]]:
    arrays = {name: np.zeros(shape, np.float32) for name, shape in ARRAYS.items()}
    return Checkpoint(folder / "state", {"dim": 4}), arrays


def read_checkpoint(folder: Path) -> bool:
    """Continue from a state, or start over; the next state can be saved in both cases."""
    checkpoint, arrays = checkpoint_of(folder)
    values = checkpoint.load(arrays)
    assert checkpoint.save(arrays, {"done": 2})
    checkpoint.remove()
    return values is not None


def checkpointed(folder: Path) -> Files:
    checkpoint, arrays = checkpoint_of(folder)
    checkpoint.save(arrays, {"done": 1})
    found = {f"state/{p.name}": p.read_bytes() for p in (folder / "state").iterdir()}
    checkpoint.remove()
    return found


OVERRIDES = [
    b"vectors=cbow\nvectors.dim=20\nseed=3\n",
    b"corpus.unlabelled=[a.txt,'b c.txt']\nname=mine\n",
    b"sweep.strengths=[0.1,1,10]\nfeatures.unknown=zero\n",
    b"arm=own300\nunlabelled=[x.txt]\ncache=off\n",
    b"sweep.strengths=${logspace:-2,2,5}\nbest.ties=first\n",
    b"corpus=sst\ncorpus.path=trees\ncorpus.granularity=binary\ntracking=off\n",
]


def read_overrides(folder: Path) -> None:
    """Do as the front door does with its arguments."""
    lines = (folder / "overrides").read_bytes().decode(errors="replace").split("\n")
    overrides = [line for line in lines if line and "_target_" not in line]
    try:
        cfg = compose("config", overrides, return_hydra_config=True)
        config.build(cfg, cfg.hydra.runtime.choices)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(config.explain(error)) from error
    except OSError as error:  # a name too long for a file
        raise UserError(f"{error.filename}: {error.strerror}.") from error
    except ValueError as error:
        if "override" not in str(error):
            raise
        raise UserError(str(error)) from error


def read_classifier(folder: Path) -> None:
    load_classifier(folder / "c.skops")


def classifier(folder: Path) -> Files:
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    save_classifier(folder / "c.skops", LogisticRegression().fit(X, y))
    return {"c.skops": (folder / "c.skops").read_bytes()}


def readers(folder: Path) -> list[Reader]:
    """Return every reader; valid files are made in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    glove, vec, packed = (files_of(folder, name) for name in ("v.txt", "v.vec", "v.txt.gz"))
    text = glove["v.txt"]
    npz, word2vec = files_of(folder, "v.npz"), files_of(folder, "v.bin")
    pair = files_of(folder, "pair")
    packings = [npz, {"v.npz": deflated(npz["v.npz"])}]
    states, entries, model = checkpointed(folder), stored(folder), classifier(folder)
    read_npz = read_any("v.npz")
    lines = {"u.txt": b"A film. It's not (that) good...\n\nDon't see it, e.g. \"now\".\n"}
    return [
        Reader("trees", lambda at: read_trees(at / "t.txt"), [{"t.txt": TREES.encode()}]),
        *labelled_readers(folder),
        Reader("unlabelled text", lambda at: list(Text((at / "u.txt",))), [lines]),
        Reader(
            "unlabelled text, packed",
            lambda at: list(Text((at / "u.txt.gz",))),
            [{"u.txt.gz": gzip.compress(lines["u.txt"])}],
        ),
        Reader("GloVe text", read_again("v.txt"), [glove]),
        Reader("GloVe text, gzip", read_any("v.txt.gz"), [packed]),
        Reader("GloVe text, bzip2", read_any("v.txt.bz2"), [{"v.txt.bz2": bz2.compress(text)}]),
        Reader("GloVe text, xz", read_any("v.txt.xz"), [{"v.txt.xz": lzma.compress(text)}], 0.5),
        Reader(
            "GloVe text, zstandard",
            read_any("v.zst"),
            [{"v.zst": pa.compress(text, codec="zstd", asbytes=True)}],
        ),
        Reader("GloVe text, zip", read_any("v.zip"), [{"v.zip": zip_of({"v.txt": text})}]),
        Reader("word2vec text", read_any("v.vec"), [vec]),
        Reader("word2vec binary", read_again("v.bin"), [word2vec]),
        Reader(
            "word2vec binary, gzip",
            read_any("v.bin.gz"),
            [{"v.bin.gz": gzip.compress(word2vec["v.bin"])}],
        ),
        Reader(
            "fastText model",
            read_again("m.bin"),
            [{"m.bin": fasttext_model(20)}, {"m.bin": fasttext_model(1)}],
        ),
        Reader(
            "fastText model, gzip", read_any("m.gz"), [{"m.gz": gzip.compress(fasttext_model(20))}]
        ),
        Reader("static model", read_any("m"), [static_model(folder)], 0.3),
        Reader(
            "safetensors",
            read_any("e.safetensors"),
            [{"e.safetensors": save({"e": vectors().matrix}), "e.txt": "\n".join(WORDS).encode()}],
        ),
        Reader("NumPy .npz", read_npz, packings),
        Reader("NumPy .npz of others", read_npz, [{"v.npz": npz_of_others()}]),
        Reader(
            "NumPy .npz of others: arrays",
            archived("v.npz", read_npz),
            [members(npz_of_others())],
        ),
        Reader("NumPy .npz: arrays", archived("v.npz", read_npz), [members(npz["v.npz"])]),
        Reader("projector's pair", read_any("pair"), [pair]),
        Reader(
            "similarity",
            lambda at: read_pairs(at / "p.txt"),
            [{"p.txt": pairs.encode()} for pairs in PAIRS],
        ),
        Reader("analogies", lambda at: read_questions(at / "q"), [{"q": QUESTIONS.encode()}]),
        Reader("skops model", read_classifier, [model], 0.3),
        Reader(
            "skops model: members",
            archived("c.skops", read_classifier),
            [members(model["c.skops"])],
            0.3,
        ),
        Reader("store's entries", read_store, [entries], 0.6, signed(json_digest, "sha256")),
        Reader("checkpoints", read_checkpoint, [states], 0.6, signed(json_digest, "digest")),
        Reader("configuration", read_overrides, [{"overrides": o} for o in OVERRIDES], 0.02),
    ]


@contextlib.contextmanager
def composing() -> Iterator[None]:
    """Make the configuration's files known, and say nothing of what is refused."""
    config.register()
    GlobalHydra.instance().clear()
    level = logging.getLogger("pipeline").level
    logging.getLogger("pipeline").setLevel(logging.CRITICAL)
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        logging.getLogger("pipeline").setLevel(level)
