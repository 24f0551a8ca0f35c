"""Opening strangers' pictures safely: sizes are read from the header and checked before a pixel is decoded.

Everything here may be called from several threads at once.
"""

from __future__ import annotations

import io
import stat
import struct
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.encoders.protocol import PictureInput
from core.errors import PictureError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""The formats that are opened. Pillow knows dozens more, some of which start other programs (EPS)."""

MAX_PIXELS = 100_000_000
MAX_BYTES = 50 * 1024 * 1024
THUMBNAIL_SIDE = 480
PDQ_SIDE = 512

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns of large pictures; those are refused here by the caller's own limit.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def open_picture(
    source: PictureInput,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    shrink_to: int | None = None,
) -> Image.Image:
    """The picture as RGB, 8 bits a channel: turned as its EXIF says, first frame only, transparent parts on white.

    With ``shrink_to`` a JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size whose sides are both still
    at least ``shrink_to`` pixels, which is several times faster (libjpeg's scaled inverse DCT); other formats, and
    callers, still resize to the size that they want.

    Raises PictureError, with a sentence for the user, where the file is larger than ``max_bytes``, the picture has more
    than ``max_pixels`` pixels, or it can't be decoded to its end.
    """
    name = _name(source)
    data = _read(source, name, max_bytes)
    try:
        with _open(data, name, max_pixels) as image:
            if shrink_to is not None and image.format in ("JPEG", "MPO"):
                image.draft(None, (shrink_to, shrink_to))
            image.load()
            return _to_rgb(_turn(image))
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes make them run into
        raise PictureError(_decode_failure(name, error)) from error


def picture_size(source: PictureInput, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> tuple[int, int]:
    """Width and height in pixels after EXIF rotation, read from the header alone. Raises PictureError."""
    name = _name(source)
    with _open(_read(source, name, max_bytes), name, max_pixels) as image:
        width, height = image.size
        # Pillow has already swapped the sides of a TIFF.
        return (height, width) if image.format != "TIFF" and _orientation(image) >= 5 else (width, height)


def pdq_hash(image: Image.Image) -> tuple[str, int]:
    """The PDQ hash (Facebook, 2019) as 64 hex digits, and its quality, 0 (nothing to see) to 100.

    Near-duplicates differ in at most about 31 of the 256 bits. Large pictures are first reduced to 512 pixels a side,
    as the reference implementation does.
    """
    import pdqhash

    if max(image.size) > PDQ_SIDE:
        image = image.copy()
        image.thumbnail((PDQ_SIDE, PDQ_SIDE), Image.Resampling.BILINEAR)
    bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return np.packbits(np.asarray(bits, dtype=np.uint8)).tobytes().hex(), int(quality)


def thumbnail_jpeg(image: Image.Image, *, side: int = THUMBNAIL_SIDE, quality: int = 82) -> bytes:
    """A JPEG that fits a square of ``side`` pixels, never enlarged, with nothing of the original's metadata."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    small.info = {}  # Image.save would copy the original's colour profile and comment out of it
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _name(source: PictureInput) -> str:
    return "The picture" if isinstance(source, bytes) else source.name


def _read(source: PictureInput, name: str, max_bytes: int) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            if not stat.S_ISREG(source.stat().st_mode):  # a pipe or a device would be read for ever
                raise PictureError(f"{name} is not a file.")
            with source.open("rb") as file:
                data = file.read(max_bytes + 1)
        except FileNotFoundError:
            raise PictureError(f"{name} is not there.") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PictureError(f"{name} can't be read: {reason}.") from error
    if len(data) > max_bytes:
        raise PictureError(f"{name} is larger than the limit of {max_bytes / 2**20:,.0f} MB for a picture file.")
    if not data:
        raise PictureError(f"{name} is empty.")
    return data


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Reads the header. Raises PictureError where it is not a picture, or one with too many pixels."""
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels  # Pillow's own limit must not be below ours
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PictureError(f"{name} is not a picture that can be opened ({', '.join(FORMATS)}).") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{name} has more than the limit of {max_pixels:,} pixels.") from None
    except Exception as error:  # as in open_picture
        raise PictureError(_decode_failure(name, error)) from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise PictureError(f"{name} has {width:,} x {height:,} pixels, more than the limit of {max_pixels:,}.")
    if width < 1 or height < 1:
        image.close()
        raise PictureError(f"{name} has no pixels.")
    return image


def _decode_failure(name: str, error: Exception) -> str:
    detail = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, MemoryError):
        return f"{name} needs more memory to decode than there is."
    if "truncated" in detail.lower():
        return f"{name} is cut short: its end is missing."
    return f"{name} is damaged and can't be decoded ({detail})."


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (
        SyntaxError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        OSError,
        EOFError,
        struct.error,
    ):
        # Damaged EXIF costs the rotation, not the picture.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(image: Image.Image) -> Image.Image:
    turn = None if image.format == "TIFF" else _TURNS.get(_orientation(image))  # a TIFF is turned by Pillow
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    """A new RGB image that holds nothing of the file."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGB", over.size, (255, 255, 255))
        white.paste(over, mask=over.getchannel("A"))
        return white
    rgb = image.convert("RGB")
    rgb.info = {}
    return rgb


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits to 8: 16-bit values keep their brightness, others are stretched from least to greatest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))
