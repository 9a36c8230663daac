"""The container of AVIF and HEIF: the ISO base media file format (ISO/IEC 14496-12)."""

AVIF_BRANDS = {b"avif", b"avis"}
HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
# The brands that name a codec. The first of them in a file decides who decodes it.
CODED_BRANDS = AVIF_BRANDS | HEVC_BRANDS


def brands(head: bytes) -> list[bytes]:
    """Returns the major brand and then the compatible ones; nothing where the file is of another format."""
    if head[4:8] != b"ftyp":
        return []
    box_bytes = int.from_bytes(head[:4])
    return [head[8:12]] + [head[at : at + 4] for at in range(16, min(box_bytes, len(head)) - 3, 4)]


def first_of(head: bytes, known: set[bytes]) -> bytes | None:
    """Returns the first brand of the file that is in `known`, or None."""
    return next((brand for brand in brands(head) if brand in known), None)
