"""Rejections for files that a decoder cannot read to their end."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from shared.errors import Rejected

# Pillow, libheif and our own readers raise these over broken files.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


def second_opinion[T](first: Callable[[], T], other: Callable[[], T]) -> T:
    """Returns the result of `first`, or of `other` if a decoder raises in `first`.

    A file counts as damaged only if both decoders raise. The rejection then has the first decoder's reason.
    """
    try:
        return first()
    except DECODER_ERRORS as error:
        refusal = error.with_traceback(None)  # whose frames would keep the first decoder's pixels in memory
    try:
        return other()
    except (*DECODER_ERRORS, Rejected):
        raise refusal from None


@contextmanager
def damage_is_rejected() -> Iterator[None]:
    """Turns any exception that a decoder raises over a broken file into Rejected `damaged-image`."""
    try:
        yield
    except Image.DecompressionBombError as error:  # a frame or an icon inside is larger than the file says
        raise Rejected(
            "too-many-pixels",
            f"A picture inside the file is too large: {_reason(error).lower()}. Save it as JPEG or PNG and "
            "upload that.",
        ) from error
    except DECODER_ERRORS as error:
        raise Rejected(
            "damaged-image",
            f"The picture is damaged or incomplete ({_reason(error)}). Open the original to see whether it is whole, "
            "save it again and upload that.",
        ) from error
    except MemoryError as error:
        raise Rejected(
            "too-much-memory",
            "The picture asks for more memory than any picture of its size should. Save it again as JPEG or PNG and "
            "upload that.",
        ) from error


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:100] or type(error).__name__
