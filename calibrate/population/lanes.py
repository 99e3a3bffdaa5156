"""Four walkers side by side, as one value of compiled code: the processor's vector units take them so.

A loop over a dozen numbers is left to the compiler at a price: it asks anew each time whether arrays overlap, makes
vectors too long for them, and takes long to compile. Lanes are calculated with as numbers are, of lanes or numbers.

Rows of walkers are as long as whole lanes (`whole`). What stands in those beyond the last walker is calculated with as
well, and nobody reads it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from calibrate.knee.jit import borrowing, exactly

LANES = 4
_KIND = type("Lanes", (types.Type,), {})(name="lanes")
_VECTOR, _BITS = ir.VectorType(ir.DoubleType(), LANES), ir.VectorType(ir.IntType(64), LANES)
# A whole number that is added to this stands in the last bits.
_WHOLE = 1.5 * 2.0**52
_MANTISSA, _BIAS = 52, 1023
# The bits of sqrt(1/2), from which on a number is nearer to the next power of two.
_HALFWAY = 0x3FE6A09E667F3BCD
_SMALLEST = 2.0**-1022
# The logarithm of two, in two parts of which whole multiples of the first are exact.
_LOG_2, _REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Of the exponential Taylor's, whose next term is 4e-18; of the logarithm fdlibm's.
_TAYLOR = tuple(1.0 / math.factorial(n) for n in range(14))
_REMEZ = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


def _all(value: Any, kind: Any = _VECTOR) -> Any:
    return ir.Constant(kind, [value] * LANES)


@register_model(type(_KIND))
class _Model(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]  # numba is untyped


def _broadcast(builder: Any, number: Any) -> Any:
    value = _all(ir.Undefined)
    for lane in range(LANES):
        value = builder.insert_element(value, number, ir.Constant(ir.IntType(32), lane))
    return value


def _calculate(function: Any, name: str) -> None:
    """Let an operator take lanes, or lanes and a number."""

    @infer_global(function)  # type: ignore[no-untyped-call]  # numba is untyped
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and _KIND in args and all(kind in (_KIND, types.float64) for kind in args):
                return signature(_KIND, *args)  # type: ignore[no-untyped-call]  # numba is untyped
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        both = [_broadcast(builder, x) if kind != _KIND else x for kind, x in zip(sig.args, args, strict=True)]
        return getattr(builder, name)(*both)

    for kinds in ((_KIND, _KIND), (_KIND, types.float64), (types.float64, _KIND)):
        lower_builtin(function, *kinds)(lower)  # type: ignore[no-untyped-call]  # numba is untyped


for _name in ("add", "sub", "mul", "truediv"):
    for _function in (getattr(operator, _name), getattr(operator, f"i{_name}")):
        _calculate(_function, f"f{_name.removeprefix('true')}")


def _made(function: Callable[..., Any]) -> Any:
    """Make a function of compiled code, which is called without the context."""
    return intrinsic(function)


def _at(context: Any, builder: Any, kind: Any, row: Any, w: Any) -> Any:
    data = context.make_array(kind)(context, builder, row).data
    return builder.bitcast(builder.gep(data, [w]), _VECTOR.as_pointer())


@_made
def load(context: Any, row: Any, w: Any) -> Any:
    """Return the lanes of a row from number w on."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_at(context, builder, sig.args[0], *args), align=8)

    return _KIND(row, types.intp), lower


@_made
def store(context: Any, row: Any, w: Any, value: Any) -> Any:
    """Put lanes into a row from number w on."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _at(context, builder, sig.args[0], *args[:2]), align=8)
        return context.get_dummy_value()

    return types.none(row, types.intp, value), lower


@_made
def all_of(context: Any, number: Any) -> Any:
    """Return lanes that are all the same number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _broadcast(builder, *args)

    return _KIND(types.float64), lower


def _call(name: str) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]  # numba is untyped
            builder.module, kind, f"llvm.{name}.v{LANES}f64"
        )
        return builder.call(function, args)

    return lower


@_made
def sqrt_of(context: Any, x: Any) -> Any:
    """Return square roots."""
    return _KIND(x), _call("sqrt")


@_made
def _nearest(context: Any, x: Any) -> Any:
    """Return the nearest whole numbers."""
    return _KIND(x), _call("rint")


@_made
def between(context: Any, x: Any, least: Any, most: Any) -> Any:
    """Return what lies beyond a limit as that; NaN stays NaN."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x, least, most = args[0], _broadcast(builder, args[1]), _broadcast(builder, args[2])
        x = builder.select(builder.fcmp_ordered("<", x, least), least, x)
        return builder.select(builder.fcmp_ordered(">", x, most), most, x)

    return _KIND(x, types.float64, types.float64), lower


@_made
def where_positive(context: Any, x: Any, value: Any) -> Any:
    """Return a value where x is positive and finite, else NaN."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        above = builder.fcmp_ordered(">=", args[0], _all(_SMALLEST))
        fine = builder.and_(above, builder.fcmp_ordered("<", args[0], _all(math.inf)))
        return builder.select(fine, args[1], _all(math.nan))

    return _KIND(x, value), lower


@_made
def _power_of_two(context: Any, n: Any) -> Any:
    """Return two to the power of whole numbers from -1023, of which it is 0, to 1024, of which it is infinite."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = builder.bitcast(builder.fadd(args[0], _all(_WHOLE + _BIAS)), _BITS)
        return builder.bitcast(builder.shl(bits, _all(_MANTISSA, _BITS)), _VECTOR)

    return _KIND(n), lower


@_made
def _exponent(context: Any, x: Any) -> Any:
    """Return to what power two has to be raised for x to be between sqrt(1/2) and sqrt(2) times that."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = builder.sub(builder.bitcast(args[0], _BITS), _all(_HALFWAY, _BITS))
        power = builder.ashr(bits, _all(_MANTISSA, _BITS))
        whole = builder.add(power, builder.bitcast(_all(_WHOLE), _BITS))
        return builder.fsub(builder.bitcast(whole, _VECTOR), _all(_WHOLE))

    return _KIND(x), lower


@exactly
def _series(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Return `c0 + c1 x + c2 x^2 ...`, from the last term on."""
    y = all_of(coefficients[-1])
    for i in range(len(coefficients) - 2, -1, -1):
        y = coefficients[i] + x * y
    return y


@exactly
def exp_of(x: Any) -> Any:
    """Return exponentials, but for the last bit: 0 below -708.7 and infinity above 709.4."""
    x = between(x, -709.0, 710.0)
    n = _nearest(x * (1.0 / math.log(2.0)))
    return _series((x - n * _LOG_2) - n * _REST, _TAYLOR) * _power_of_two(n)


@exactly
def log_of(x: Any) -> Any:
    """Return natural logarithms, but for the last bit; NaN of what is not positive, or above 1e308."""
    n = _exponent(x)
    f = x * _power_of_two(0.0 - n) - 1.0
    # As in Sun's fdlibm: log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)) with s = f / (2 + f).
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    return where_positive(x, n * _LOG_2 - ((half - (s * (half + z * _series(z, _REMEZ)) + n * _REST)) - f))


@borrowing
def whole(walkers: int) -> int:
    """Return how long a row of so many walkers is."""
    return (walkers + LANES - 1) // LANES * LANES
