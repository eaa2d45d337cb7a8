"""SIMD instructions for the kernels: eight float32 at a time.

LLVM vectorizes plain loops, but it will not keep a block of dot products in registers, which is
what makes word2vec fast. So the kernels use these functions, which numba compiles to LLVM's generic
vector type. LLVM maps it to the processor's registers: one of AVX, two of SSE or NEON, or eight
scalars where there is nothing better.
"""

# ruff: noqa: ARG001 - numba hands over types by the names of the arguments

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.extending import intrinsic, models, register_model
from numpy.typing import NDArray

from pipeline.stages.vectors.kernels import CACHE_LINE

P = ParamSpec("P")
R = TypeVar("R")
Floats: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = np.floating[Any]  # to a type checker; numba knows it as VECTOR

LANES = 8
FLOAT, INT, BIT = ir.FloatType(), ir.IntType(32), ir.IntType(1)
EIGHT = ir.VectorType(FLOAT, LANES)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function, cache the machine code on disk, and release the GIL in calls."""
    fastmath = {"contract", "reassoc", "nsz", "arcp"}  # all but the assumption of no NaN
    options: Any = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": fastmath}
    return cast("Callable[P, R]", njit(**options)(function))


def instruction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the type of a function and the LLVM code it becomes."""
    return cast("Callable[..., Any]", intrinsic(function))


class VectorType(types.Type):
    """Eight float32 in a register."""

    def __init__(self) -> None:
        super().__init__(name="float32x8")


VECTOR = VectorType()


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """How numba represents the type in LLVM."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, EIGHT)  # type: ignore[no-untyped-call]


def address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Return a pointer to element ``args[1]`` of the flat array ``args[0]``."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


def declared(builder: Any, kind: Any, name: str) -> Any:
    """Return one of LLVM's intrinsic functions."""
    return cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]


@instruction
def load(_: Any, array: Any, index: Any) -> Any:
    """Read eight floats of a flat array from ``index`` on."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(address(context, builder, signature, args), EIGHT.as_pointer())
        return builder.load(pointer, align=4)

    return VECTOR(array, types.intp), code


@instruction
def store(_: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write eight floats to a flat array from ``index`` on."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(address(context, builder, signature, args), EIGHT.as_pointer())
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, VECTOR), code


@instruction
def prefetch(_: Any, array: Any, index: Any) -> Any:
    """Prefetch the cache line of an element that will be written soon."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(address(context, builder, signature, args), cgutils.voidptr_t)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, INT, INT, INT])
        function = declared(builder, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, INT(1), INT(3), INT(1)])  # to write, keep near, data
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@instruction
def zeros(_: Any) -> Any:
    """Return eight zeros."""

    def code(*_: Any) -> Any:
        return ir.Constant(EIGHT, [0.0] * LANES)

    return VECTOR(), code


@instruction
def splat(_: Any, value: Any) -> Any:
    """Return eight times the same number."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        nothing = ir.Constant(EIGHT, ir.Undefined)
        one = builder.insert_element(nothing, args[0], INT(0))
        return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INT, LANES), None))

    return VECTOR(types.float32), code


@instruction
def plus(_: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fadd(*args)

    return VECTOR(VECTOR, VECTOR), code


@instruction
def times(_: Any, a: Any, b: Any) -> Any:
    """Return a * b."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fmul(*args)

    return VECTOR(VECTOR, VECTOR), code


@instruction
def multiply_add(_: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, in one rounding where the processor can."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(EIGHT, [EIGHT] * 3)
        function = declared(builder, kind, "llvm.fmuladd.v8f32")
        return builder.call(function, args)

    return VECTOR(VECTOR, VECTOR, VECTOR), code


@instruction
def sums(_: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    """Sum each of six vectors; return the six sums and two zeros as one vector."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def add(x: Any, y: Any, left: list[int], right: list[int]) -> Any:
            picked = [
                builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT, LANES), lanes))
                for lanes in (left, right)
            ]
            return builder.fadd(*picked)

        def neighbours(x: Any, y: Any) -> Any:  # within each half, which is cheap
            return add(x, y, [0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15])

        a, b, c, d, e, f = args
        none = ir.Constant(EIGHT, [0.0] * LANES)
        first = neighbours(neighbours(a, b), neighbours(c, d))
        second = neighbours(neighbours(e, f), none)
        return add(first, second, [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])

    return VECTOR(*[VECTOR] * 6), code


@instruction
def total(_: Any, a: Any) -> Any:
    """Return the sum of a vector's numbers."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        (vector,) = args
        for half in (4, 2, 1):
            other = ir.Constant(ir.VectorType(INT, LANES), [lane ^ half for lane in range(LANES)])
            vector = builder.fadd(vector, builder.shuffle_vector(vector, vector, other))
        return builder.extract_element(vector, INT(0))

    return types.float32(VECTOR), code


@instruction
def inverse_root(_: Any, a: Any) -> Any:
    """Return 1 / sqrt(a).

    The processor's own root and division are used, which round correctly. The well-known
    approximation by an integer trick and a polynomial is no faster here: memory is the bottleneck.
    """

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        function = declared(builder, ir.FunctionType(EIGHT, [EIGHT]), "llvm.sqrt.v8f32")
        return builder.fdiv(ir.Constant(EIGHT, [1.0] * LANES), builder.call(function, args))

    return VECTOR(VECTOR), code


@compiled
def prefetch_row(matrix: Floats, place: int, width: int) -> None:
    """Prefetch a vector that is needed soon."""
    for d in range(0, width, CACHE_LINE):
        prefetch(matrix, place + d)
