"""Compiled: parse plain lines of text, or look for words among them.

A line is plain if it has a word, the right number of numbers, nothing but blanks between them, and
if each number's float32 is certain. Whatever is not plain is left to Python, one line at a time,
so these loops need no errors and no exceptions to their rules. (A second thread was tried: with two
on two busy cores nothing was gained.)
"""

# ruff: noqa: ARG001 - numba hands over types by the names of the arguments

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.extending import intrinsic
from numpy.typing import NDArray

from pipeline.stages.vectors.formats.rows import decoded
from pipeline.stages.vectors.formats.text import (
    Block,
    Found,
    Layout,
    Rows,
    parse_numbers,
    split_row,
)

P = ParamSpec("P")
R = TypeVar("R")
Bytes = NDArray[np.uint8]

TAB, NEWLINE, RETURN, SPACE = 9, 10, 13, 32
PLUS, MINUS, DOT, ZERO, E = 43, 45, 46, 48, 101
DIGITS = 18  # as many fit into an int64
LARGEST = 60  # exponent of ten looked after here
POWERS = np.array([float(f"1e{e}") for e in range(-LARGEST, LARGEST + 1)])
BELOW, ABOVE = 1 - 2.0**-50, 1 + 2.0**-50
FLOAT_MAX = float(np.finfo(np.float32).max)
OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
ONE, SHIFT = np.uint64(1), np.uint64(29)

# Eight bytes in an integer.
LITTLE = sys.byteorder == "little"
EACH = 0x0101010101010101
UPPER, ZEROS, SIXES = np.uint64(EACH * 0xF0), np.uint64(EACH * ZERO), np.uint64(EACH * 6)
LOWER, HIGH = np.uint64(EACH * 0x7F), np.uint64(EACH * 0x80)
NEWLINES, SPACES, TABS = np.uint64(EACH * NEWLINE), np.uint64(EACH * SPACE), np.uint64(EACH * TAB)
NINE, TEN, EIGHT, SIXTEEN, THIRTY_TWO = (np.uint64(n) for n in (9, 10, 8, 16, 32))
PICK = np.uint64(0x000000FF000000FF)
HUNDREDS, ONES = np.uint64(100 + (1_000_000 << 32)), np.uint64(1 + (10_000 << 32))
TENS = 10.0 ** np.arange(9)
SIGNS = np.array([1, -1], np.float32)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile, and keep the machine code on disk; arithmetic stays IEEE's."""
    options: Any = {"cache": True, "error_model": "numpy"}
    return cast("Callable[P, R]", njit(**options)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into the caller: for the innermost function, 25 % faster than being called."""
    return cast("Callable[P, R]", njit(inline="always", error_model="numpy")(function))


@cast("Callable[..., Any]", intrinsic)
def load(_: Any, text: Any, at: Any) -> Any:
    """Read the eight bytes from ``at`` on as an integer, the first byte the lowest."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.gep(array.data, [args[1]])
        return builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, types.intp), code


@cast("Callable[..., Any]", intrinsic)
def first_byte(_: Any, mask: Any) -> Any:
    """Return the number of the lowest byte that is not zero; 8 if all are."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zeros = builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))
        return builder.lshr(zeros, ir.Constant(ir.IntType(64), 3))

    return types.int64(types.uint64), code


@cast("Callable[..., Any]", intrinsic)
def count_bits(_: Any, mask: Any) -> Any:
    """Return how many bits are set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), code


@inlined
def parse_number(text: Bytes, at: int) -> tuple[np.float32, int]:
    """Return a number and where it ends; a negative end if it is none, or not certain.

    Nearly all numbers have one digit before the point and one to seven behind it. These are taken
    from eight bytes at once, without a branch that the processor could guess wrong (as Lemire does;
    2021, "Number Parsing at a Gigabyte per Second"): parsing takes a third less time.
    """
    if LITTLE and at + 11 < len(text):
        negative = int(text[at] == MINUS)
        begin = at + negative
        whole = np.uint64(text[begin] - ZERO)
        if whole <= NINE and text[begin + 1] == DOT:
            eight = load(text, begin + 2)
            # A byte is a digit if its upper half is 3, and still is after adding 6.
            other = ((eight & UPPER) ^ ZEROS) | (((eight + SIXES) & UPPER) ^ ZEROS)
            count = first_byte(other)
            end = begin + 2 + count
            if 0 < count < 8 and (text[end] == SPACE or text[end] == NEWLINE):
                # The digits to the upper end, zeros before them; then pairs, fours, all of them.
                pairs = (eight ^ ZEROS) << np.uint64(64 - 8 * count)
                pairs = pairs * TEN + (pairs >> EIGHT)
                fours = (pairs & PICK) * HUNDREDS + ((pairs >> SIXTEEN) & PICK) * ONES
                value = np.float64(np.int64(fours >> THIRTY_TWO))
                value += TENS[count] * np.float64(np.int64(whole))
                return SIGNS[negative] * np.float32(value / TENS[count]), end
    return parse_any_number(text, at)


@compiled
def parse_any_number(text: Bytes, at: int) -> tuple[np.float32, int]:
    """Return any number and where it ends; a negative end if it is none, or not certain."""
    sign = np.float32(-1 if text[at] == MINUS else 1)
    if text[at] == MINUS or text[at] == PLUS:
        at += 1
    mantissa, end = parse_digits(text, at, 0)
    digits = significant = end - at
    exponent = 0
    at = end
    if text[at] == DOT:
        point = begin = at + 1
        if mantissa == 0 and digits <= DIGITS:  # and not because it overflowed
            significant = 0
            while text[begin] == ZERO:
                begin += 1
        mantissa, at = parse_digits(text, begin, mantissa)
        exponent = point - at
        digits += at - point
        significant += at - begin
    if text[at] | 32 == E:
        written, at = parse_exponent(text, at + 1)
        exponent += written
    if digits == 0 or significant > DIGITS or at < 0 or abs(exponent) > LARGEST:
        return sign, -1
    number, certain = nearest(mantissa, exponent)
    return sign * number, at if certain else -1


@compiled
def parse_digits(text: Bytes, at: int, before: int) -> tuple[int, int]:
    """Return the number that digits make, put behind those before, and where they end."""
    while ZERO <= text[at] <= ZERO + 9:
        before = before * 10 + text[at] - ZERO
        at += 1
    return before, at


@compiled
def nearest(mantissa: int, exponent: int) -> tuple[np.float32, bool]:
    """Return the float32 nearest to an integer times a power of ten, and whether that is certain.

    The product in float64 is off by three roundings at most, less than 2**-51 of it. If a float64
    a little below it and one a little above round to the same float32, then so does whatever lies
    between. Where they do not, Python must decide: of one in some 10 million numbers.
    """
    value = mantissa * POWERS[exponent + LARGEST]
    number = np.float32(value * BELOW)
    return number, number == np.float32(value * ABOVE) and value <= FLOAT_MAX


@compiled
def parse_exponent(text: Bytes, at: int) -> tuple[int, int]:
    """Return an exponent of up to three digits and where it ends; a negative end if it is none."""
    negative = text[at] == MINUS
    if negative or text[at] == PLUS:
        at += 1
    begin = at
    exponent = 0
    while ZERO <= text[at] <= ZERO + 9 and at < begin + 4:
        exponent = exponent * 10 + text[at] - ZERO
        at += 1
    if at == begin or at == begin + 4:
        return 0, -1
    return -exponent if negative else exponent, at


@compiled
def parse_row(text: Bytes, at: int, out: NDArray[np.float32]) -> tuple[int, int]:
    """Parse a line into `out`; return where its word ends, and the next line begins (or -1)."""
    while text[at] > SPACE:
        at += 1
    end = at
    for d in range(len(out)):
        if text[at] != SPACE and text[at] != TAB:
            return end, -1
        while text[at] == SPACE or text[at] == TAB:
            at += 1
        number, at = parse_number(text, at)
        if at < 0:
            return end, -1
        out[d] = number
    while text[at] == SPACE or text[at] == TAB or text[at] == RETURN:
        at += 1
    return end, at + 1 if text[at] == NEWLINE else -1


@compiled
def parse_lines(
    text: Bytes,
    at: int,
    line: int,
    row: int,
    matrix: NDArray[np.float32],
    spans: NDArray[np.int64],
    lines: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Parse lines up to the first that is not plain; return where that begins, its line, its row.

    Sets a row of the matrix, where the word begins and ends, and which line it was.
    """
    while at < len(text):
        if text[at] == NEWLINE:
            at += 1
            line += 1
            continue
        if row == len(matrix):
            break
        end, after = parse_row(text, at, matrix[row])
        if after < 0 or end == at:
            break
        spans[row, 0], spans[row, 1], lines[row] = at, end, line
        at = after
        row += 1
        line += 1
    return at, line, row


def parse_block(layout: Layout, block: Block) -> Rows:
    """Parse a block of lines: the plain ones compiled, others in Python."""
    text = np.frombuffer(block.text, np.uint8)
    size = min(len(block.lines), len(text) // (2 * layout.dim + 1))  # rows are longer than this
    matrix = np.empty((size, layout.dim if size else 0), np.float32)
    spans, lines = np.empty((size, 2), np.int64), np.empty(size, np.int64)
    odd: dict[int, bytes] = {}
    at, line, row = parse_lines(text, 0, 0, 0, matrix, spans, lines)
    while at < len(text):
        end = block.text.index(b"\n", at)
        number = int(block.lines[line])
        if (pieces := split_row(layout, number, block.text[at:end])) is not None:
            odd[row] = pieces[0]
            matrix[row] = parse_numbers(layout, number, pieces[1])
            spans[row], lines[row] = 0, line
            row += 1
        at, line, row = parse_lines(text, end + 1, line + 1, row, matrix, spans, lines)
    numbers = block.lines[lines[:row]]
    begins, ends = spans[:row].T.tolist()
    words = [block.text[begin:end] for begin, end in zip(begins, ends, strict=True)]
    for i, word in odd.items():
        words[i] = word
    texts = decoded(layout.path, words, lambda i: f"line {numbers[i]}")
    return Rows(texts, numbers, matrix[:row])


@compiled
def hash_word(text: Bytes, at: int, end: int) -> tuple[np.uint64, int]:
    """Return the hash (FNV-1a, never zero) of a word that ends with white space or at `end`."""
    code = OFFSET
    while at < end and text[at] > SPACE:
        code = (code ^ np.uint64(text[at])) * PRIME
        at += 1
    return code | ONE, at


@compiled
def slot_of(code: np.uint64, table: NDArray[np.uint64]) -> int:
    """Return the place of a hash in the table: where it is, or where it would be."""
    mask = np.uint64(len(table) - 1)
    slot = (code >> SHIFT) & mask
    while table[slot] != 0 and table[slot] != code:
        slot = (slot + ONE) & mask
    return int(np.int64(slot))


@compiled
def fill_table(text: Bytes, ends: NDArray[np.int64], table: NDArray[np.uint64]) -> None:
    """Put words, which lie one behind the other, into a table at most half full."""
    begin = 0
    for end in ends:
        code, _ = hash_word(text, begin, end)
        table[slot_of(code, table)] = code
        begin = end


@compiled
def equal(eight: np.uint64, wanted: np.uint64) -> np.uint64:
    """Return a bit for each of eight bytes that equals the one wanted."""
    other = eight ^ wanted
    return ~(((other & LOWER) + LOWER) | other | LOWER)


@compiled
def search_lines(
    text: Bytes, dim: int, table: NDArray[np.uint64], hits: NDArray[np.int64]
) -> tuple[int, int]:
    """Note begin, end and line of those whose word may be wanted, or that are not plain.

    Returns how many these are, and how many rows are neither empty nor noted.
    """
    at, line, count, rows = 0, 0, 0, 0
    while at < len(text):
        begin = at
        code, at = hash_word(text, at, len(text))
        blanks, tabs = 0, 0
        while LITTLE and at + 8 <= len(text):  # eight bytes at once: 3 times as fast
            eight = load(text, at)
            ends = equal(eight, NEWLINES)
            if ends != 0:
                break
            blanks += count_bits(equal(eight, SPACES))
            tabs += count_bits(equal(eight, TABS))
            at += 8
        while text[at] != NEWLINE:
            blanks += text[at] == SPACE
            tabs += text[at] == TAB
            at += 1
        last = at - 1
        while last > begin and (text[last] == SPACE or text[last] == RETURN):
            blanks -= text[last] == SPACE
            last -= 1
        at += 1
        if blanks != dim or tabs > 0 or table[slot_of(code, table)] == code:
            hits[count, 0], hits[count, 1], hits[count, 2] = begin, at, line
            count += 1
        else:
            rows += 1
        line += 1
    return count, rows


def searcher(layout: Layout, wanted: set[bytes]) -> Callable[[Block], Found]:
    """Return a function that finds the lines of the words wanted.

    Words are compared by their hashes first. Five times as fast as `plain_searcher`.
    """
    joined = np.frombuffer(b"".join(wanted), np.uint8)
    ends = np.cumsum([len(word) for word in wanted], dtype=np.int64)
    table = np.zeros(1 << (2 * len(wanted) + 1).bit_length(), np.uint64)
    fill_table(joined, ends, table)

    def search(block: Block) -> Found:
        hits = np.empty((len(block.lines), 3), np.int64)
        count, rows = search_lines(np.frombuffer(block.text, np.uint8), layout.dim, table, hits)
        kept, lines = [], []
        for begin, end, line in hits[:count].tolist():
            text = block.text[begin:end]
            row = split_row(layout, int(block.lines[line]), text)
            if row is not None:
                rows += 1
                if row[0] in wanted:
                    kept.append(text)
                    lines.append(int(block.lines[line]))
        return Found(kept, lines, rows)

    return search
