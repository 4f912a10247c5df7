"""Uploaded pictures are cleaned or refused with a reason, and the demo pictures are valid."""

import hashlib
import struct
import zlib
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageStat
from PIL.PngImagePlugin import PngInfo

from home.demo import pictures, toppings
from home.demo.pictures import PIZZAS, draw_pizza
from pictures import safe
from pictures.safe import safe_picture

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 255)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ORIENTATION, GPS, GPS_LATITUDE = 0x0112, 0x8825, 2

# How to store an upright picture so that the orientation turns it upright again.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upload(data):
    return SimpleUploadedFile("pizza.jpg", data, content_type="image/jpeg")


def encoded(image, kind="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def cleaned(data):
    return Image.open(safe_picture(upload(data)))


def refusal(data):
    with pytest.raises(ValidationError) as caught:
        safe_picture(upload(data))
    [sentence] = caught.value.messages
    return sentence


def four_corners(width=120, height=80):
    """Return a picture of red, green / blue, white, which looks different in each orientation."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def noisy(width=300, height=200):
    """Return a picture that is hard to compress, so that cutting the file cuts the picture."""
    return Image.merge("RGB", [Image.effect_noise((width, height), 80) for _ in range(3)])


def is_near(pixel, colour, tolerance=24):
    return all(abs(one - other) <= tolerance for one, other in zip(pixel, colour, strict=True))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claimed_png(width, height):
    """Return a few bytes that claim to be a picture of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def repainted_jpeg(scans):
    """Return a progressive JPEG whose last scan is repeated."""
    data = encoded(four_corners(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def long_gif(frames):
    data = encoded(Image.new("P", (1, 1)), "GIF")
    frame = b"," + bytes(4) + b"\x01\x00\x01\x00\x00" + b"\x02\x00"
    return data[:-1] + frame * frames + b";"


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"I am a pizza, honestly.", safe.NOT_A_PICTURE, id="text"),
        pytest.param(SVG, safe.NOT_A_PICTURE, id="svg"),
        pytest.param(b"", safe.NOT_A_PICTURE, id="empty"),
        pytest.param(encoded(four_corners(), "BMP"), safe.NOT_A_PICTURE, id="another-format"),
        pytest.param(encoded(noisy(), "JPEG")[:4000], safe.DAMAGED, id="truncated-jpeg"),
        pytest.param(encoded(noisy(), "PNG")[:4000], safe.DAMAGED, id="truncated-png"),
        pytest.param(encoded(noisy(), "WEBP")[:4000], safe.DAMAGED, id="truncated-webp"),
        pytest.param(encoded(noisy(), "JPEG")[:60], safe.DAMAGED, id="truncated-header"),
        pytest.param(repainted_jpeg(safe.MAX_JPEG_SCANS), safe.DAMAGED, id="repainted-jpeg"),
        pytest.param(claimed_png(50_000, 50_000), safe.TOO_MANY_PIXELS, id="bomb"),
        pytest.param(claimed_png(8001, 5000), safe.TOO_MANY_PIXELS, id="just-too-many-pixels"),
        pytest.param(long_gif(safe.MAX_FRAMES), safe.TOO_MANY_FRAMES, id="long-animation"),
    ],
)
def test_bad_files_are_refused_with_the_matching_sentence(data, sentence):
    assert refusal(data) == sentence


def test_the_header_alone_decides_about_the_pixels(monkeypatch):
    monkeypatch.setattr(safe, "redraw", lambda image: pytest.fail("decoded before the pixels were counted"))

    assert refusal(claimed_png(9000, 9000)) == safe.TOO_MANY_PIXELS


@pytest.mark.filterwarnings("error")
def test_a_warning_about_a_decompression_bomb_is_a_refusal():
    assert refusal(claimed_png(10_000, 10_000)) == safe.TOO_MANY_PIXELS


def test_a_large_file_is_refused_unread(monkeypatch):
    monkeypatch.setattr(safe, "MAX_BYTES", 1000)
    large = upload(bytes(1001))
    large.file = None  # reading it now fails

    with pytest.raises(ValidationError, match="too large"):
        safe_picture(large)


@pytest.mark.parametrize("claim", [None, 10])
def test_a_large_file_that_lies_about_its_size_is_refused(monkeypatch, claim):
    monkeypatch.setattr(safe, "MAX_BYTES", 1000)
    large = upload(bytes(1001))
    large.size = claim

    with pytest.raises(ValidationError, match="too large"):
        safe_picture(large)


def test_a_file_of_exactly_the_limit_is_read(monkeypatch):
    data = encoded(four_corners())
    monkeypatch.setattr(safe, "MAX_BYTES", len(data))

    assert cleaned(data).size == (120, 80)


BEGINNINGS = (
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x20\0\0\0WEBP",
    b"\0\0\0\x1cftypavif",
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=300))
def test_garbage_is_only_ever_refused(beginning, garbage):
    assert refusal(beginning + garbage) in (
        safe.NOT_A_PICTURE,
        safe.DAMAGED,
        safe.TOO_MANY_PIXELS,
    )


HEALTHY = [encoded(four_corners(24, 16), kind) for kind in FORMATS]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(HEALTHY), st.data())
def test_a_picture_with_broken_bytes_is_refused_or_cleaned(data, draw):
    broken = bytearray(data)
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=6)):
        broken[place] = draw.draw(st.integers(0, 255))

    try:
        result = safe_picture(upload(bytes(broken)))
    except ValidationError:
        return
    assert Image.open(result).format == "WEBP"


# ---------------------------------------------------------------- kept


@pytest.mark.parametrize("kind", FORMATS)
def test_every_usual_format_is_accepted(kind):
    image = cleaned(encoded(four_corners(), kind))

    assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (120, 80))
    assert is_near(image.getpixel((4, 4)), RED)
    assert is_near(image.getpixel((115, 75)), WHITE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1600, 1000), (800, 500)),
        ((1200, 1200), (500, 500)),
        ((3000, 300), (800, 80)),
        ((300, 1500), (100, 500)),
        ((801, 10), (800, 10)),
        ((800, 500), (800, 500)),
        ((40, 30), (40, 30)),
        ((1, 1), (1, 1)),
    ],
)
def test_it_shrinks_to_the_shops_size_and_never_grows(before, after):
    assert cleaned(encoded(Image.new("RGB", before, RED))).size == after


def test_a_large_photo_keeps_its_picture():
    image = cleaned(encoded(four_corners(3200, 2000), "JPEG"))

    assert image.size == (800, 500)
    assert is_near(image.getpixel((790, 10)), GREEN)
    assert is_near(image.getpixel((10, 490)), BLUE)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photo_comes_out_upright(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = cleaned(encoded(four_corners().transpose(STORED[orientation]), kind, exif=exif))

    assert image.size == (120, 80)
    corners = [image.getpixel(corner) for corner in ((8, 8), (112, 8), (8, 72), (112, 72))]
    assert all(is_near(*pair) for pair in zip(corners, (RED, GREEN, BLUE, WHITE), strict=True))


def test_a_turned_photo_fits_the_box_after_turning():
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    assert cleaned(encoded(Image.new("RGB", (1600, 1200)), "JPEG", exif=exif)).size == (375, 500)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    assert cleaned(encoded(four_corners(), "JPEG", exif=exif)).size == (120, 80)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_ignored():
    assert cleaned(encoded(four_corners(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).size == (120, 80)


def test_an_animation_becomes_its_first_frame():
    frames = [Image.new("RGB", (40, 30), colour) for colour in (RED, BLUE)]
    image = cleaned(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert getattr(image, "n_frames", 1) == 1
    assert is_near(image.getpixel((20, 15)), RED)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        pytest.param(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), "PNG", safe.PAGE_COLOUR, id="transparent"),
        pytest.param(Image.new("RGBA", (20, 20), (*RED, 255)), "PNG", RED, id="RGBA"),
        pytest.param(Image.new("RGBA", (20, 20), (*RED, 255)), "WEBP", RED, id="RGBA-webp"),
        pytest.param(Image.new("LA", (20, 20), (90, 255)), "PNG", (90, 90, 90), id="LA"),
        pytest.param(Image.new("LA", (20, 20), (90, 0)), "PNG", safe.PAGE_COLOUR, id="LA-transparent"),
        pytest.param(Image.new("L", (20, 20), 90), "JPEG", (90, 90, 90), id="L"),
        pytest.param(Image.new("1", (20, 20), 1), "PNG", WHITE, id="1"),
        pytest.param(Image.new("RGB", (20, 20), BLUE).convert("P"), "PNG", BLUE, id="P"),
        pytest.param(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", RED, id="CMYK"),
        pytest.param(Image.new("I;16", (20, 20), 30_000), "PNG", (117, 117, 117), id="16-bit"),
    ],
)
def test_every_kind_of_pixel_is_accepted(image, kind, expected):
    assert is_near(cleaned(encoded(image, kind)).getpixel((10, 10)), expected, tolerance=6)


def test_a_transparent_palette_colour_shows_the_page():
    image = Image.new("P", (20, 20), 1)
    image.putpalette([*RED, *BLUE])

    assert is_near(cleaned(encoded(image, "GIF")).getpixel((10, 10)), BLUE)
    data = encoded(image, "GIF", transparency=1)
    assert is_near(cleaned(data).getpixel((10, 10)), safe.PAGE_COLOUR, tolerance=6)


# ---------------------------------------------------------------- colours and metadata


def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile():
    """Return a colour space whose red is our green, so that only a converted picture shows it."""
    return srgb_profile().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def test_colours_are_converted_to_srgb():
    swapped = cleaned(encoded(Image.new("RGB", (20, 20), RED), "PNG", icc_profile=swapped_profile()))
    red, green, _ = swapped.getpixel((10, 10))

    assert green > 200 > 60 > red


def test_converting_colours_keeps_transparency():
    image = Image.new("RGBA", (20, 20), (*RED, 0))

    result = cleaned(encoded(image, "PNG", icc_profile=swapped_profile()))

    assert is_near(result.getpixel((10, 10)), safe.PAGE_COLOUR, tolerance=6)


# A profile says when it was made, so it must not become the name of a test, which all processes have to agree on.
@pytest.mark.parametrize(
    "profile",
    [b"not a profile", b"\0" * 400, srgb_profile()[:200]],
    ids=["none at all", "zeros", "the first half"],
)
def test_a_broken_colour_profile_is_ignored(profile):
    image = cleaned(encoded(Image.new("RGB", (20, 20), RED), "PNG", icc_profile=profile))

    assert is_near(image.getpixel((10, 10)), RED)


@pytest.mark.parametrize("image", [Image.new("L", (20, 20), 90), Image.new("CMYK", (20, 20), (0, 0, 0, 165))])
def test_a_profile_for_other_pixels_is_ignored(image):
    result = cleaned(encoded(image, "JPEG", icc_profile=srgb_profile()))

    assert is_near(result.getpixel((10, 10)), (90, 90, 90))


def talkative_jpeg():
    exif = Image.Exif()
    exif.get_ifd(GPS)[GPS_LATITUDE] = (52.0, 31.0, 12.0)
    exif[0x010E] = "secret kitchen"
    return encoded(
        four_corners(),
        "JPEG",
        exif=exif,
        icc_profile=srgb_profile(),
        comment=b"secret comment",
        xmp=b"<x:xmpmeta>secret packet</x:xmpmeta>",
    )


def talkative_png():
    notes = PngInfo()
    notes.add_text("Author", "secret author")
    notes.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>secret packet</x:xmpmeta>")
    return encoded(four_corners(), "PNG", pnginfo=notes, icc_profile=srgb_profile())


@pytest.mark.parametrize("talkative", [talkative_jpeg, talkative_png])
def test_nothing_but_pixels_is_left(talkative):
    assert b"secret" in talkative()
    data = safe_picture(upload(talkative())).read()

    # A WebP file that starts with a plain VP8 chunk has no room for EXIF, ICC, XMP or frames.
    assert (data[:4], data[8:16]) == (b"RIFF", b"WEBPVP8 ")
    assert len(data) == struct.unpack("<I", data[4:8])[0] + 8
    assert b"secret" not in data
    assert not Image.open(BytesIO(data)).getexif()


def test_data_behind_the_picture_is_removed():
    assert b"<script>" not in safe_picture(upload(encoded(four_corners(), "JPEG") + SVG)).read()


# ---------------------------------------------------------------- the file


def test_the_name_is_made_from_the_content():
    result = safe_picture(upload(encoded(four_corners())))

    assert result.name == hashlib.sha256(result.read()).hexdigest()[:16] + ".webp"


def test_equal_pictures_have_equal_names_and_others_do_not():
    red, again, blue = (
        safe_picture(upload(encoded(Image.new("RGB", (20, 20), colour)))).name for colour in (RED, RED, BLUE)
    )

    assert red == again != blue


def test_the_upload_is_read_from_its_start_and_left_there():
    half_read = upload(encoded(four_corners()))
    half_read.read(50)

    assert Image.open(safe_picture(half_read)).size == (120, 80)
    assert half_read.tell() == 0


# ---------------------------------------------------------------- the demo menu


@pytest.fixture(scope="module")
def margherita_and_diavola():
    return draw_pizza("Margherita"), draw_pizza("Diavola")


def test_the_menu_has_at_least_eight_pizzas_with_names_of_their_own():
    assert len({pizza.name for pizza in PIZZAS}) == len(PIZZAS) >= 8


@pytest.mark.parametrize("pizza", PIZZAS, ids=lambda pizza: pizza.name)
def test_a_demo_pizza_can_be_sold_and_drawn(pizza):
    drawn = {name for name, _ in pizza.toppings} | set(pizza.beside)

    assert pizza.price > 0
    assert pizza.price.as_tuple().exponent == -2
    assert pizza.description.endswith(".")
    assert "\n" not in pizza.description
    assert drawn <= toppings.TOPPINGS.keys()
    assert pizza.sauce in pictures.SAUCES
    assert pizza.table in pictures.TABLES
    assert pizza.board in pictures.BOARDS
    assert not pizza.bowl or pizza.bowl in pictures.BOWLS


def test_a_demo_picture_passes_as_an_upload(margherita_and_diavola):
    image = cleaned(margherita_and_diavola[0])

    assert (image.format, image.size) == ("WEBP", (800, 500))


def test_two_demo_pictures_differ_strongly(margherita_and_diavola):
    one, other = (Image.open(BytesIO(data)) for data in margherita_and_diavola)

    assert min(ImageStat.Stat(ImageChops.difference(one, other)).mean) > 30


def test_drawing_again_gives_the_same_bytes(margherita_and_diavola):
    assert draw_pizza("Margherita") == margherita_and_diavola[0]


def test_only_pizzas_of_the_menu_can_be_drawn():
    with pytest.raises(KeyError):
        draw_pizza("Calzone")
