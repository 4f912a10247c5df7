"""Turn an uploaded file into a picture that is safe to publish and small to load.

Nothing of the upload itself is ever stored: the pixels are decoded, redrawn on a clean canvas and
encoded again, so a file that only pretends to be a picture, or one that carries a GPS position or a
script behind its pixels, cannot reach a customer.
"""

import hashlib
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from PIL import Image, ImageCms, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_FRAMES = 500
MAX_JPEG_SCANS = 60

MAX_WIDTH_PIXELS = 800
MAX_HEIGHT_PIXELS = 500

PAGE_COLOUR = (255, 249, 242)
WEBP_QUALITY = 82
WEBP_METHOD = 4
NAME_HEX_DIGITS = 16

NOT_A_PICTURE = "This file is not a picture we can read. Please choose a JPEG, PNG, WebP, GIF or AVIF file."
TOO_LARGE = f"This file is too large. Please choose a picture of at most {MAX_BYTES // 1024**2} MB."
TOO_MANY_PIXELS = (
    "This picture has too many pixels. "
    f"Please choose one of at most {MAX_PIXELS // 1_000_000} megapixels, for example 8000 by 5000."
)
TOO_MANY_FRAMES = "This animation is too long. Please choose a still picture."
DAMAGED = "This picture is damaged or incomplete. Please save it again, or choose another one."

EXIF_ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)


def safe_picture(upload: "File[bytes]") -> "ContentFile[bytes]":
    """Return the upload as a small, clean WebP picture, or raise a ValidationError that says what to do.

    The name is made from the content, so a picture's URL always means the same file and can be cached
    for ever.
    """
    encoded = encode(decode(read_bytes(upload)))
    digest = hashlib.sha256(encoded).hexdigest()
    return ContentFile(encoded, name=f"{digest[:NAME_HEX_DIGITS]}.webp")


def read_bytes(upload: "File[bytes]") -> bytes:
    """Return the whole upload. A file that is too large is refused before it fills the memory."""
    if (getattr(upload, "size", None) or 0) > MAX_BYTES:
        raise ValidationError(TOO_LARGE, code="too_large")
    upload.seek(0)
    data: bytes = upload.read(MAX_BYTES + 1)
    upload.seek(0)
    if len(data) > MAX_BYTES:
        raise ValidationError(TOO_LARGE, code="too_large")
    return data


def decode(data: bytes) -> Image.Image:
    """Return the clean picture in these bytes. Any error becomes a sentence for the person who uploaded it."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            check_effort(image, data)
            return redraw(image)
    except ValidationError:
        raise
    except UnidentifiedImageError:
        raise ValidationError(NOT_A_PICTURE, code="not_a_picture") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels") from None
    # Broken bytes make Pillow raise OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error,
    # zlib.error and others, a different set in each release, so no narrower list would stay complete.
    except Exception as error:
        raise ValidationError(DAMAGED, code="damaged") from error


def check_effort(image: Image.Image, data: bytes) -> None:
    """Refuse a tiny file that would cost minutes or gigabytes, while only its header has been read."""
    if image.width * image.height > MAX_PIXELS:
        raise ValidationError(TOO_MANY_PIXELS, code="too_many_pixels")
    if getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise ValidationError(TOO_MANY_FRAMES, code="too_many_frames")
    # A progressive JPEG can repaint all its pixels once for every few bytes.
    if image.format in ("JPEG", "MPO") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ValidationError(DAMAGED, code="damaged")


def redraw(image: Image.Image) -> Image.Image:
    """Return the picture upright, small, in sRGB and opaque, on a canvas without metadata."""
    orientation = orientation_of(image)
    image = shrink(eight_bit(image), sideways=orientation in SIDEWAYS)
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    return flatten(to_srgb(image))


def orientation_of(image: Image.Image) -> Any:
    """Return the EXIF orientation. A broken EXIF block must not make a good picture unusable."""
    with suppress(Exception):
        return image.getexif().get(EXIF_ORIENTATION, 1)
    return 1


def eight_bit(image: Image.Image) -> Image.Image:
    """Convert to a mode that can be resized smoothly and keeps transparency: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("RGB")


def shrink(image: Image.Image, sideways: bool) -> Image.Image:
    """Shrink to at most the shop's picture size after turning. A small picture is left as it is."""
    box = (MAX_WIDTH_PIXELS, MAX_HEIGHT_PIXELS)
    image.thumbnail(box[::-1] if sideways else box, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert the colours so that no profile is needed. A profile that does not fit the pixels is ignored."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    with suppress(ImageCms.PyCMSError, KeyError, OSError, TypeError, ValueError):
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, profile, srgb, outputMode=mode) or image.convert(mode)
    return image.convert(mode)


def flatten(image: Image.Image) -> Image.Image:
    """Put the picture on the page's background colour, so a cut-out pizza seems to lie on the page."""
    canvas = Image.new("RGB", image.size, PAGE_COLOUR)
    canvas.paste(image, mask=image if image.mode == "RGBA" else None)
    return canvas


def encode(image: Image.Image) -> bytes:
    """Encode as WebP, which is about a third smaller than JPEG at the same quality and works in every browser."""
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD)
    return buffer.getvalue()
