"""Draw toppings for the demo pictures. Each function draws one piece, and no two pieces are quite alike.

A piece is a Sprite: its colours, and its height as a grey picture. The light falls on the finished pizza,
not on each piece, so that all the highlights and shadows of a picture agree with each other.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import cos, hypot, pi, sin
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]

DETAIL = 3  # sprite pixels for one pixel of the finished picture


class Sprite(NamedTuple):
    """One drawn piece: its colours and its height (0 to 255)."""

    colour: Image.Image
    height: Image.Image


# ---------------------------------------------------------------- texture


def grain(rng: Random, size: tuple[int, int], cell: tuple[int, int]) -> Image.Image:
    """Return soft random light and dark spots of about one cell each, over the full range of grey."""
    # Image.effect_noise cannot be seeded, so a picture made with it would differ on every run.
    wide, high = size[0] * 2 // cell[0] + 8, size[1] * 2 // cell[1] + 8
    noise = Image.frombytes("L", (wide, high), rng.randbytes(wide * high))
    # Blurred while it is tiny, which is cheap and hides the square grid of the noise.
    noise = ImageOps.autocontrast(soften(noise, 1), cutoff=1)
    return noise.resize(size, Image.Resampling.BICUBIC, box=(4, 4, wide - 4, high - 4))


def cloud(rng: Random, size: tuple[int, int], cell: int) -> Image.Image:
    """Return natural unevenness: large spots with smaller ones inside."""
    if cell >= 16:  # large spots are as smooth when drawn small, and ten times as fast
        half = cloud(rng, (size[0] // 2 + 1, size[1] // 2 + 1), cell // 2)
        return half.resize(size, Image.Resampling.BICUBIC)
    picture = grain(rng, size, (cell, cell))
    for share in (2, 4):
        fine = max(2, cell // share)
        picture = Image.blend(picture, grain(rng, size, (fine, fine)), 0.3)
    return ImageOps.autocontrast(picture, cutoff=1)


def ramp(shade: Image.Image, *stops: Colour) -> Image.Image:
    """Map greys to colours, from the first colour for black to the last for white."""
    return Image.merge("RGB", [shade.point(scale_between(levels)) for levels in zip(*stops, strict=True)])


@lru_cache(maxsize=512)
def scale_between(stops: tuple[int, ...]) -> list[int]:
    """Return the level of each of the 256 greys between evenly spaced stops."""
    table = []
    for grey in range(256):
        place = grey * (len(stops) - 1) / 255
        low = min(int(place), len(stops) - 2)
        table.append(round(stops[low] + (stops[low + 1] - stops[low]) * (place - low)))
    return table


def rise(shade: Image.Image, low: int, high: int) -> Image.Image:
    """Map to black below `low`, white above `high`, and a smooth slope between."""
    return shade.point([max(0, min(255, (level - low) * 255 // (high - low))) for level in range(256)])


def soften(picture: Image.Image, radius: float) -> Image.Image:
    """Blur a picture. A wide blur is done at half size, where it costs a quarter and looks the same."""
    if radius < 4:
        return picture.filter(ImageFilter.GaussianBlur(radius))
    return soften(picture.reduce(2), radius / 2).resize(picture.size, Image.Resampling.BILINEAR)


# ---------------------------------------------------------------- shape


def wobbly(rng: Random, radius: float, wobble: float = 0.05, waves: int = 6, squash: float = 1) -> list[Point]:
    """Return the outline of a circle as a cook would cut it."""
    bends = [(k, rng.uniform(0.3, 1) * wobble * 2 / k, rng.uniform(0, 2 * pi)) for k in range(2, waves + 2)]
    points = []
    for step in range(72):
        angle = step * pi / 36
        reach = radius * (1 + sum(size * sin(k * angle + phase) for k, size, phase in bends))
        points.append((reach * cos(angle), reach * sin(angle) * squash))
    return points


def filled(size: tuple[int, int], *outlines: Sequence[Point], blur: float = 1.2) -> Image.Image:
    """Return a mask of outlines that are drawn around the middle of the tile."""
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon([(x + size[0] / 2, y + size[1] / 2) for x, y in outline], fill=255)
    return soften(mask, blur)


def stroked(size: tuple[int, int], lines: Iterable[Sequence[Point]], width: float, blur: float = 1) -> Image.Image:
    """Return a mask of lines that are drawn around the middle of the tile."""
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    for line in lines:
        draw.line([(x + size[0] / 2, y + size[1] / 2) for x, y in line], 255, round(width), joint="curve")
    return soften(mask, blur)


def pillow(mask: Image.Image, roundness: float) -> Image.Image:
    """Return a height that swells from the edge towards the middle."""
    return ImageChops.multiply(mask, soften(mask, roundness))


def piece(paint: Image.Image, mask: Image.Image, height: Image.Image) -> Sprite:
    colour = paint.convert("RGBA")
    colour.putalpha(mask)
    return Sprite(colour, height)


def dab(paint: Image.Image, colour: Colour, mask: Image.Image, strength: float = 1) -> None:
    """Lay colour over the paint where the mask is light."""
    paint.paste(colour, mask=mask.point([round(level * strength) for level in range(256)]))


def inside(rng: Random, radius: float) -> Point:
    """Return a random point in a circle around the middle."""
    angle, reach = rng.uniform(0, 2 * pi), radius * rng.random() ** 0.5
    return reach * cos(angle), reach * sin(angle)


def moved(outline: Sequence[Point], place: Point) -> list[Point]:
    return [(x + place[0], y + place[1]) for x, y in outline]


def square(pixels: float) -> tuple[int, int]:
    side = round(pixels * DETAIL)
    return side, side


def curve(length: float, bend: float, steps: int = 16) -> list[Point]:
    """Return a bent line from left to right through the middle."""
    spots = [step / steps for step in range(steps + 1)]
    return [((t - 0.5) * length, bend * (4 * t * (1 - t) - 0.6)) for t in spots]


def ribbon(spine: Sequence[Point], widths: Callable[[float], float]) -> list[Point]:
    """Return the outline around a bent line whose width changes along the way."""
    above, below = [], []
    for index, (x, y) in enumerate(spine):
        before, after = spine[max(0, index - 1)], spine[min(len(spine) - 1, index + 1)]
        dx, dy = after[0] - before[0], after[1] - before[1]
        half = widths(index / (len(spine) - 1)) / 2 / (hypot(dx, dy) or 1)
        above.append((x - dy * half, y + dx * half))
        below.append((x + dy * half, y - dx * half))
    return above + below[::-1]


# ---------------------------------------------------------------- leaves and vegetables


def basil(rng: Random) -> Sprite:
    size, unit = square(84), DETAIL
    length, width = rng.uniform(52, 66) * unit, rng.uniform(36, 46) * unit
    spine = curve(length, rng.uniform(-12, 12) * unit)
    mask = filled(size, ribbon(spine, lambda t: width * sin(pi * t**0.78) ** 0.62))
    shade = cloud(rng, size, 13 * unit)
    paint = ramp(shade, (36, 84, 24), (62, 122, 36), (112, 164, 58))
    side = stroked(size, leaf_veins(spine, width), 0.6 * unit, blur=0.4 * unit)
    middle = stroked(size, [spine], 1.3 * unit, blur=0.4 * unit)
    dab(paint, (148, 190, 92), side, 0.32)
    dab(paint, (170, 206, 118), middle, 0.6)
    creases = soften(ImageChops.lighter(middle, side.point(lambda level: level * 0.75)), 1.8 * unit)
    curl = Image.blend(pillow(mask, 10 * unit), shade, 0.45)
    return piece(paint, mask, ImageChops.subtract(curl, creases.point(lambda level: level * 0.8)))


def leaf_veins(spine: Sequence[Point], width: float) -> list[list[Point]]:
    """Return side veins that bend towards the tip, as in a real leaf."""
    veins = []
    for x, y in spine[2:-3:3]:
        for side in (-1, 1):
            steps = (0, 0.25, 0.5, 0.75, 1)
            veins.append([(x + width * 0.5 * t**1.6, y + side * width * 0.5 * t) for t in steps])
    return veins


def rocket(rng: Random) -> Sprite:
    size, unit = (round(112 * DETAIL), round(60 * DETAIL)), DETAIL
    spine = curve(rng.uniform(86, 102) * unit, rng.uniform(-12, 12) * unit, 40)
    mask = rise(filled(size, *rocket_parts(rng, spine), blur=0.9 * unit), 70, 190)
    shade = cloud(rng, size, 9 * unit)
    paint = ramp(shade, (44, 88, 24), (78, 132, 38), (126, 170, 66))
    middle = stroked(size, [spine[:36]], 1.4 * unit, blur=0.4 * unit)
    dab(paint, (186, 208, 138), middle, 0.7)
    swell = Image.blend(pillow(mask, 5 * unit), shade, 0.45)
    return piece(paint, mask, ImageChops.subtract(swell, soften(middle, unit)))


def rocket_parts(rng: Random, spine: Sequence[Point]) -> list[list[Point]]:
    """Return a narrow blade on a stem, pointed lobes on both sides, and the broad end."""
    unit = DETAIL
    parts = [ribbon(spine, lambda t: unit * (2.6 if t < 0.3 else 9 * (1.05 - t) ** 0.3))]
    parts.append(ribbon(spine[25:], lambda t: unit * 27 * sin(pi * t**0.75) ** 0.7))
    for index in (14, 20, 26):
        for side in (-1, 1):
            x, y = spine[index + rng.randint(-1, 1)]
            reach, lean = rng.uniform(13, 19) * unit, rng.uniform(0.8, 1.15) * side
            lobe = [(x + t / 8 * reach * cos(lean), y + t / 8 * reach * sin(lean)) for t in range(9)]
            parts.append(ribbon(lobe, lambda t: unit * 10 * (1 - t**2.2) ** 0.6))
    return parts


def olive(rng: Random) -> Sprite:
    size, unit = square(30), DETAIL
    outer = wobbly(rng, 11.5 * unit, 0.03, squash=rng.uniform(0.85, 1))
    hole = filled(size, moved(wobbly(rng, 4.6 * unit, 0.1), inside(rng, 1.2 * unit)))
    whole = filled(size, outer)
    mask = ImageChops.subtract(whole, hole)
    paint = ramp(cloud(rng, size, 5 * unit), (26, 20, 26), (48, 36, 42), (74, 58, 58))
    dab(paint, (112, 92, 72), ImageChops.subtract(soften(hole, 1.5 * unit), hole), 1)
    return piece(paint, mask, pillow(mask, 2.4 * unit))


def green_olive(rng: Random) -> Sprite:
    size, unit = square(30), DETAIL
    hole = filled(size, moved(wobbly(rng, 4.4 * unit, 0.1), inside(rng, 1.2 * unit)))
    mask = ImageChops.subtract(filled(size, wobbly(rng, 11.5 * unit, 0.03, squash=0.93)), hole)
    paint = ramp(cloud(rng, size, 5 * unit), (92, 98, 28), (130, 132, 48), (170, 168, 84))
    dab(paint, (206, 200, 132), ImageChops.subtract(soften(hole, 2 * unit), hole), 1)
    return piece(paint, mask, pillow(mask, 2.4 * unit))


def mushroom(rng: Random) -> Sprite:
    size, unit = square(62), DETAIL
    wide, lean, squash = rng.uniform(20, 26) * unit, rng.uniform(-0.35, 0.35), rng.uniform(0.72, 1.02)
    cap = [(wide * cos(a), -4 * unit + wide * 0.85 * sin(a)) for a in (pi + step * pi / 24 for step in range(25))]
    half = [(0.98, 1.0), (0.82, 4.5), (0.36, 0.5), (0.27, 9.0), (0.36, 19.0)]
    right = [(wide * x, y * unit) for x, y in half]
    outline = [(x + y * lean, y * squash) for x, y in cap + right + [(-x, y) for x, y in reversed(right)]]
    mask = rise(filled(size, outline, blur=2.2 * unit), 100, 150)
    flesh = rise(soften(mask, 1.8 * unit), 130, 240)
    paint = ramp(cloud(rng, size, 9 * unit), (122, 70, 34), (160, 102, 54))
    paint.paste(ramp(cloud(rng, size, 14 * unit), (216, 162, 100), (240, 206, 150), (252, 234, 196)), mask=flesh)
    gills = mushroom_gills(size, wide, lean, squash)
    dab(paint, (116, 72, 42), gills, 0.7)
    dab(paint, (178, 108, 46), rise(cloud(rng, size, 16 * unit), 140, 230), 0.5)
    swell = Image.blend(pillow(mask, 3 * unit), cloud(rng, size, 7 * unit), 0.12)
    return piece(paint, mask, ImageChops.subtract(swell, soften(gills, unit).point(lambda level: level * 0.4)))


def mushroom_gills(size: tuple[int, int], wide: float, lean: float, squash: float) -> Image.Image:
    """Return the dark crescents on both sides of the stem, under the cap."""
    crescents = []
    for side in (-1, 1):
        turns = [pi + step * pi / 10 for step in range(11)]
        arc = [(side * wide * 0.46 + wide * 0.3 * cos(a), wide * 0.3 * sin(a)) for a in turns]
        crescents.append([(x + y * lean, y * squash) for x, y in arc])
    return filled(size, *crescents, blur=1.2 * DETAIL)


def tomato(rng: Random) -> Sprite:
    """Draw half a cherry tomato, cut side up."""
    size, unit = square(46), DETAIL
    radius = rng.uniform(17, 20) * unit
    mask = filled(size, wobbly(rng, radius, 0.025))
    flesh = filled(size, wobbly(rng, radius * 0.88, 0.03))
    shade = cloud(rng, size, 6 * unit)
    paint = ramp(shade, (150, 20, 10), (186, 34, 18))
    paint.paste(ramp(shade, (198, 46, 24), (224, 76, 42), (238, 112, 66)), mask=flesh)
    rooms = tomato_rooms(rng, radius)
    gel = filled(size, *rooms, blur=1.2 * unit)
    paint.paste(ramp(shade, (170, 36, 10), (214, 84, 24)), mask=gel)
    seeds = [moved(wobbly(rng, 1.5 * unit, 0.1, squash=0.8), spot) for spot in seed_spots(rng, rooms)]
    kernels = filled(size, *seeds)
    dab(paint, (244, 200, 116), kernels, 0.85)
    swell = Image.blend(pillow(mask, 3.5 * unit), shade, 0.1)
    sunk = ImageChops.subtract(swell, gel.point(lambda level: level * 0.3))
    return piece(paint, mask, ImageChops.add(sunk, kernels.point(lambda level: level * 0.2)))


def tomato_rooms(rng: Random, radius: float) -> list[list[Point]]:
    """Return the seed chambers around the middle of a cut tomato."""
    count, turn = rng.choice((3, 3, 4)), rng.uniform(0, pi)
    rooms = []
    for index in range(count):
        angle = turn + index * 2 * pi / count
        room = wobbly(rng, radius * (1.02 / count + 0.03), 0.12)
        rooms.append(moved(room, (cos(angle) * radius * 0.47, sin(angle) * radius * 0.47)))
    return rooms


def seed_spots(rng: Random, rooms: Sequence[Sequence[Point]]) -> list[Point]:
    """Return four or five seeds along the wall of each chamber."""
    spots = []
    for room in rooms:
        middle = (sum(x for x, _ in room) / len(room), sum(y for _, y in room) / len(room))
        for _ in range(rng.randint(4, 5)):
            x, y = rng.choice(room)
            spots.append((middle[0] + (x - middle[0]) * 0.6, middle[1] + (y - middle[1]) * 0.6))
    return spots


def onion(rng: Random) -> Sprite:
    size, unit = square(72), DETAIL
    squash, radius = rng.uniform(0.6, 0.9), rng.uniform(25, 31) * unit
    start, span = rng.uniform(0, 2 * pi), rng.uniform(1.1, 1.8) * pi
    arc = [(radius * cos(start + span * t / 40), radius * squash * sin(start + span * t / 40)) for t in range(41)]
    mask = stroked(size, [arc], 5 * unit)
    paint = ramp(cloud(rng, size, 7 * unit), (222, 176, 196), (244, 220, 228), (252, 240, 240))
    outer = [(x * 1.07, y * 1.07) for x, y in arc]
    dab(paint, (134, 36, 88), stroked(size, [outer], 3.6 * unit, blur=0.6 * unit), 0.95)
    return piece(paint, mask, pillow(mask, 1.8 * unit))


def pepper_strip(rng: Random, *stops: Colour) -> Sprite:
    size, unit = square(66), DETAIL
    spine = curve(rng.uniform(42, 54) * unit, rng.uniform(12, 22) * unit)
    mask = filled(size, ribbon(spine, lambda t: unit * (8 + 2.4 * sin(t * 9))), blur=2)
    paint = ramp(cloud(rng, size, 9 * unit), *stops)
    flesh = [(x, y - 3.6 * unit) for x, y in spine]
    dab(paint, (250, 222, 160), stroked(size, [flesh], 2.2 * unit, blur=unit), 0.55)
    return piece(paint, mask, pillow(mask, 2.6 * unit))


def red_pepper(rng: Random) -> Sprite:
    return pepper_strip(rng, (150, 18, 10), (196, 36, 18), (226, 74, 36))


def yellow_pepper(rng: Random) -> Sprite:
    return pepper_strip(rng, (208, 130, 8), (240, 172, 24), (252, 206, 72))


def green_pepper(rng: Random) -> Sprite:
    return pepper_strip(rng, (44, 96, 22), (76, 136, 34), (124, 174, 66))


def zucchini(rng: Random) -> Sprite:
    size, unit = square(52), DETAIL
    radius = rng.uniform(19, 23) * unit
    mask = filled(size, wobbly(rng, radius, 0.03))
    flesh = rise(soften(mask, 1.8 * unit), 176, 250)
    paint = ramp(cloud(rng, size, 6 * unit), (34, 70, 22), (64, 104, 34))
    paint.paste(ramp(cloud(rng, size, 10 * unit), (196, 194, 112), (224, 220, 150), (238, 234, 182)), mask=flesh)
    seeds = [moved(wobbly(rng, 1.7 * unit, 0.1, squash=0.6), inside(rng, radius * 0.5)) for _ in range(14)]
    dab(paint, (178, 166, 84), filled(size, *seeds), 0.75)
    stripes = [[(-30 * unit, y * unit), (30 * unit, y * unit)] for y in (-13, -4.5, 4.5, 13)]
    burnt = ImageChops.multiply(
        stroked(size, stripes, 3.4 * unit, blur=1.3 * unit), rise(cloud(rng, size, 9 * unit), 40, 130)
    )
    dab(paint, (86, 50, 22), burnt, 0.7)
    return piece(paint, mask, Image.blend(pillow(mask, 2 * unit), cloud(rng, size, 6 * unit), 0.15))


def artichoke(rng: Random) -> Sprite:
    """Draw a quarter of a heart, with petals that overlap like a fan."""
    size, unit = square(62), DETAIL
    flesh = ramp(cloud(rng, size, 10 * unit), (128, 118, 46), (184, 168, 88), (228, 210, 144))
    paint, mask, height = flesh.copy(), Image.new("L", size), Image.new("L", size)
    for row, (reach, count) in enumerate(((27, 5), (20, 4), (13, 3))):
        for index in range(count):
            lean = (index - (count - 1) / 2) * 0.42 + rng.uniform(-0.08, 0.08)
            petal = filled(size, artichoke_petal(reach * unit, lean, 5.6 * unit, 17 * unit))
            paint.paste(flesh, mask=petal)
            swell = pillow(petal, 2.5 * unit)
            dab(paint, (100, 90, 34), ImageChops.subtract(petal, rise(swell, 130, 230)), 0.6)
            height.paste(swell.point([round(20 + row * 45 + level * 0.42) for level in range(256)]), mask=petal)
            mask = ImageChops.lighter(mask, petal)
    dab(paint, (140, 86, 34), rise(cloud(rng, size, 12 * unit), 165, 240), 0.5)
    return piece(paint, mask, height)


def artichoke_petal(reach: float, lean: float, width: float, base: float) -> list[Point]:
    """Return a pointed petal that grows upwards from the bottom of the heart."""
    tip = (sin(lean) * reach * 1.3, base - cos(lean) * reach * 1.55)
    spine = [(tip[0] * t, base + (tip[1] - base) * t) for t in (step / 12 for step in range(13))]
    return ribbon(spine, lambda t: width * 2.3 * sin(pi * (0.12 + 0.86 * t)) ** 0.7)


def chili(rng: Random) -> Sprite:
    size, unit = square(28), DETAIL
    whole = filled(size, wobbly(rng, 10.5 * unit, 0.06, squash=rng.uniform(0.7, 0.95)))
    core = rise(soften(whole, 2 * unit), 190, 245)
    paint = ramp(cloud(rng, size, 5 * unit), (168, 14, 8), (206, 30, 14), (230, 64, 30))
    dab(paint, (240, 128, 70), core, 0.75)
    seeds = [moved(wobbly(rng, 1.4 * unit, 0.1), inside(rng, 4 * unit)) for _ in range(5)]
    dab(paint, (252, 232, 176), filled(size, *seeds), 1)
    return piece(paint, whole, ImageChops.subtract(pillow(whole, 1.6 * unit), core.point(lambda level: level * 0.5)))


def pineapple(rng: Random) -> Sprite:
    size, unit = square(50), DETAIL
    near, far = 8 * unit, 21 * unit
    corners = [(-near, -13 * unit), (near, -13 * unit), (far, 12 * unit), (0, 16 * unit), (-far, 12 * unit)]
    jitter = [(x + rng.uniform(-2, 2) * unit, y + rng.uniform(-2, 2) * unit) for x, y in corners]
    mask = rise(filled(size, jitter, blur=2 * unit), 100, 150)
    rays = [[(x * 0.35, -16 * unit), (x * 1.3, 18 * unit)] for x in range(-16 * unit, 17 * unit, 3 * unit)]
    fibres = stroked(size, rays, 0.8 * unit, blur=0.5 * unit)
    paint = ramp(cloud(rng, size, 8 * unit), (236, 168, 26), (252, 206, 56), (255, 230, 124))
    dab(paint, (214, 140, 20), fibres, 0.4)
    edge = ImageChops.subtract(mask, rise(soften(mask, 2.2 * unit), 160, 250))
    dab(paint, (172, 92, 18), ImageChops.multiply(edge, rise(cloud(rng, size, 8 * unit), 60, 160)), 0.85)
    return piece(paint, mask, ImageChops.subtract(pillow(mask, 3 * unit), fibres.point(lambda level: level * 0.12)))


# ---------------------------------------------------------------- meat


def pepperoni(rng: Random) -> Sprite:
    size, unit = square(68), DETAIL
    radius = rng.uniform(25, 28) * unit
    mask = filled(size, wobbly(rng, radius, 0.03))
    bowl = filled(size, wobbly(rng, radius * 0.84, 0.04), blur=2 * unit)
    paint = ramp(cloud(rng, size, 5 * unit), (112, 16, 8), (162, 34, 16), (196, 66, 34))
    fat = [moved(wobbly(rng, rng.uniform(0.9, 2.4) * unit, 0.2), inside(rng, radius * 0.86)) for _ in range(24)]
    dab(paint, (232, 150, 104), filled(size, *fat, blur=0.5 * unit), 0.62)
    rim = ImageChops.subtract(mask, bowl)
    dab(paint, (74, 8, 6), ImageChops.multiply(rim, rise(cloud(rng, size, 9 * unit), 0, 150)), 0.85)
    dab(
        paint,
        (224, 92, 26),
        filled(size, moved(wobbly(rng, radius * 0.5, 0.2), inside(rng, 5 * unit)), blur=5 * unit),
        0.3,
    )
    swell = ImageChops.subtract(pillow(mask, 1.6 * unit), soften(bowl, 3 * unit).point(lambda level: level * 0.62))
    return piece(paint, mask, Image.blend(swell, cloud(rng, size, 4 * unit), 0.12))


def ham(rng: Random) -> Sprite:
    size, unit = square(48), DETAIL
    corners = [(-15, -11), (14, -13), (17, 10), (2, 14), (-14, 12)]
    outline = [(x * unit + rng.uniform(-4, 4) * unit, y * unit + rng.uniform(-4, 4) * unit) for x, y in corners]
    mask = rise(filled(size, outline, blur=1.6 * unit), 100, 150)
    shade = cloud(rng, size, 9 * unit)
    paint = ramp(shade, (206, 104, 92), (232, 146, 128), (246, 186, 166))
    edge = ImageChops.subtract(mask, rise(soften(mask, 1.8 * unit), 160, 250))
    dab(paint, (176, 72, 52), edge, 0.6)
    dab(paint, (252, 224, 206), rise(grain(rng, size, (11 * unit, 2 * unit)), 175, 240), 0.5)
    return piece(paint, mask, Image.blend(pillow(mask, 2.5 * unit), shade, 0.4))


def prosciutto(rng: Random) -> Sprite:
    """Draw a thin slice dropped in folds, with bands along the slice and hills and valleys across it."""
    size, unit = (round(150 * DETAIL), round(78 * DETAIL)), DETAIL
    wave, phase = rng.uniform(5, 8) * unit, rng.uniform(0, 6)
    spine = [((t / 40 - 0.5) * 124 * unit, wave * sin(t / 40 * 7 + phase)) for t in range(41)]
    frill = rng.uniform(0, 6)
    outline = ribbon(
        spine,
        lambda t: unit * (34 + 7 * sin(t * 17 + frill) + 5 * sin(t * 31)) * sin(pi * (0.08 + 0.84 * t)) ** 0.4,
    )
    mask = filled(size, outline)
    folds = ImageOps.autocontrast(
        Image.blend(grain(rng, size, (46 * unit, 5 * unit)), cloud(rng, size, 22 * unit), 0.45), cutoff=2
    )
    paint = ramp(folds, (150, 42, 48), (204, 88, 84), (228, 128, 116), (240, 164, 148))
    fat = [(x, y - 13 * unit + 3 * unit * sin(x / 60)) for x, y in spine]
    marbling = rise(grain(rng, size, (30 * unit, 3 * unit)), 178, 226)
    dab(paint, (252, 226, 210), marbling, 0.6)
    dab(paint, (253, 234, 220), stroked(size, [fat], 6 * unit, blur=1.2 * unit), 0.9)
    return piece(paint, mask, Image.blend(pillow(mask, 3 * unit), folds, 0.62))


def pancetta(rng: Random) -> Sprite:
    size, unit = (round(64 * DETAIL), round(36 * DETAIL)), DETAIL
    length, phase = rng.uniform(36, 56) * unit, rng.uniform(0, 6)
    spine = [((t / 24 - 0.5) * length, 2.6 * unit * sin(t / 24 * 5 + phase)) for t in range(25)]
    mask = filled(
        size,
        ribbon(spine, lambda t: unit * (15 + 2.4 * sin(t * 11 + phase)) * sin(pi * (0.1 + 0.8 * t)) ** 0.25),
    )
    shade = cloud(rng, size, 8 * unit)
    paint = ramp(shade, (124, 30, 18), (178, 62, 40), (212, 104, 70))
    for offset, width in ((-3.4, 2.4 + rng.random()), (3.2, 3.6 + rng.random())):
        band = [(x, y + offset * unit + 1.2 * unit * sin(x / 20 + phase)) for x, y in spine]
        dab(paint, (248, 212, 166), stroked(size, [band], width * unit, blur=1.1 * unit), 0.85)
    crisp = ImageChops.subtract(mask, rise(soften(mask, 2.4 * unit), 150, 250))
    dab(paint, (112, 48, 14), ImageChops.lighter(crisp, rise(cloud(rng, size, 12 * unit), 150, 240)), 0.6)
    return piece(paint, mask, Image.blend(pillow(mask, 2.5 * unit), shade, 0.35))


# ---------------------------------------------------------------- cheese, egg, nuts


def egg(rng: Random) -> Sprite:
    size, unit = square(150), DETAIL
    mask = rise(filled(size, wobbly(rng, 56 * unit, 0.16, waves=7), blur=2 * unit), 60, 170)
    shade = cloud(rng, size, 22 * unit)
    paint = ramp(shade, (236, 222, 190), (248, 240, 220), (253, 249, 238))
    edge = ImageChops.subtract(mask, rise(soften(mask, 4.5 * unit), 150, 250))
    dab(paint, (206, 146, 74), ImageChops.multiply(edge, rise(cloud(rng, size, 12 * unit), 30, 170)), 0.85)
    x, y = inside(rng, 8 * unit)
    yolk = filled(size, moved(wobbly(rng, 24 * unit, 0.02), (x, y)), blur=unit)
    paint.paste(ramp(soften(yolk, 10 * unit), (214, 112, 4), (246, 158, 10), (255, 190, 36)), mask=yolk)
    glint = filled(size, moved(wobbly(rng, 4 * unit, 0.2, squash=0.6), (x - 8 * unit, y - 9 * unit)), blur=unit)
    dab(paint, (255, 246, 214), glint, 0.6)
    swell = Image.blend(pillow(mask, 6 * unit), shade, 0.2).point(lambda level: level * 0.45)
    swell.paste(pillow(yolk, 12 * unit).point(lambda level: 60 + level * 0.76), mask=yolk)
    return piece(paint, mask.point(lambda level: level * 0.94), swell)


def gorgonzola(rng: Random) -> Sprite:
    size, unit = square(52), DETAIL
    mask = rise(filled(size, wobbly(rng, 18 * unit, 0.2, waves=5), blur=2.5 * unit), 70, 190)
    shade = cloud(rng, size, 12 * unit)
    paint = ramp(shade, (246, 220, 154), (252, 238, 194), (255, 248, 222))
    mould = soften(rise(cloud(rng, size, 10 * unit), 166, 220), 0.5 * unit)
    dab(paint, (122, 142, 116), mould, 0.75)
    dab(paint, (58, 80, 82), rise(mould, 180, 255), 0.6)
    return piece(paint, mask, Image.blend(pillow(mask, 5 * unit), shade, 0.2).point(lambda level: level * 0.7))


def mozzarella(rng: Random) -> Sprite:
    """Draw a melted slice with soft edges, milk white in the middle, and a golden blister or two."""
    size, unit = square(104), DETAIL
    outline = wobbly(rng, rng.uniform(28, 40) * unit, 0.12, waves=5, squash=rng.uniform(0.75, 1))
    mask = rise(filled(size, outline, blur=2.4 * unit), 70, 170)
    shade = cloud(rng, size, 20 * unit)
    paint = ramp(shade, (246, 226, 178), (254, 244, 214), (255, 252, 238))
    dab(paint, (236, 184, 100), ImageChops.subtract(mask, rise(soften(mask, 6 * unit), 120, 240)), 0.6)
    blister = soften(rise(cloud(rng, size, 15 * unit), 170, 232), 0.8 * unit)
    dab(paint, (226, 152, 62), blister, 0.8)
    dab(paint, (140, 72, 26), rise(blister, 170, 255), 0.6)
    swell = Image.blend(pillow(mask, 9 * unit), soften(shade, unit), 0.22)
    return piece(paint, mask, ImageChops.add(swell, blister.point(lambda level: level * 0.12)))


def parmesan(rng: Random) -> Sprite:
    """Draw a shaving that is thin, broken at the edges and slightly bent."""
    size, unit = (round(62 * DETAIL), round(44 * DETAIL)), DETAIL
    long, wide = rng.uniform(19, 26) * unit, rng.uniform(9, 14) * unit
    turns = sorted(rng.uniform(0, 2 * pi) for _ in range(9))
    outline = [(long * cos(turn) * rng.uniform(0.8, 1.1), wide * sin(turn) * rng.uniform(0.8, 1.15)) for turn in turns]
    mask = rise(filled(size, outline, blur=1.6 * unit), 100, 160)
    bent = ImageOps.autocontrast(grain(rng, size, (34 * unit, 12 * unit)))
    paint = ramp(bent, (232, 200, 122), (248, 226, 164), (254, 243, 206))
    return piece(paint, mask, Image.blend(pillow(mask, 2 * unit), bent, 0.6))


def walnut(rng: Random) -> Sprite:
    """Draw half a kernel: two wrinkled lobes and the groove between them."""
    size, unit = square(44), DETAIL
    outline = wobbly(rng, 15.5 * unit, 0.14, waves=8, squash=rng.uniform(0.78, 0.95))
    mask = rise(filled(size, outline, blur=1.2 * unit), 96, 150)
    folds = cloud(rng, size, 8 * unit)
    groove = stroked(size, [[(0, -18 * unit), (1.5 * unit, 0), (0, 18 * unit)]], 2 * unit, blur=1.2 * unit)
    paint = ramp(folds, (140, 84, 36), (198, 142, 78), (234, 194, 132))
    dab(paint, (98, 54, 22), groove, 0.5)
    swell = Image.blend(pillow(mask, 5 * unit), folds, 0.6)
    return piece(paint, mask, ImageChops.subtract(swell, groove.point(lambda level: level * 0.4)))


def cherry(rng: Random) -> Sprite:
    """Draw a whole cherry tomato with its green star."""
    size, unit = square(52), DETAIL
    mask = filled(size, wobbly(rng, 21 * unit, 0.015))
    paint = ramp(pillow(mask, 14 * unit), (120, 10, 6), (186, 24, 12), (226, 52, 26))
    shine = filled(size, moved(wobbly(rng, 4.5 * unit, 0.1, squash=0.7), (-8 * unit, -9 * unit)), blur=1.6 * unit)
    star = filled(size, *[ribbon(ray, lambda t: 4 * DETAIL * (1.05 - t) ** 0.6) for ray in star_rays(rng, 14 * unit)])
    dab(paint, (255, 236, 220), shine, 0.8)
    paint.paste(ramp(cloud(rng, size, 6 * unit), (40, 84, 24), (92, 138, 50)), mask=star)
    height = ImageChops.add(pillow(mask, 14 * unit), star.point(lambda level: level * 0.15))
    return piece(paint, mask, height)


def star_rays(rng: Random, reach: float) -> list[list[Point]]:
    """Return five bent rays from the middle outwards."""
    rays = []
    for index in range(5):
        angle, bend = index * 2 * pi / 5 + rng.uniform(-0.2, 0.2), rng.uniform(-0.5, 0.5)
        steps = [(t / 8 * reach, angle + bend * t / 8) for t in range(9)]
        rays.append([(far * cos(way), far * sin(way)) for far, way in steps])
    return rays


def garlic(rng: Random) -> Sprite:
    size, unit = square(46), DETAIL
    mask = filled(size, ribbon(curve(36 * unit, 8 * unit), lambda t: unit * 19 * sin(pi * t**0.7) ** 0.7))
    skin = grain(rng, size, (40 * unit, 3 * unit))
    paint = ramp(skin, (214, 190, 176), (244, 234, 222), (253, 249, 242))
    dab(paint, (160, 96, 120), rise(grain(rng, size, (30 * unit, 4 * unit)), 170, 250), 0.35)
    return piece(paint, mask, pillow(mask, 7 * unit))


def pine_nut(rng: Random) -> Sprite:
    size, unit = square(24), DETAIL
    mask = filled(size, ribbon(curve(17 * unit, 0), lambda t: unit * 9 * sin(pi * t**0.75) ** 0.8))
    paint = ramp(cloud(rng, size, 9 * unit), (222, 166, 86), (248, 220, 160), (255, 241, 204))
    return piece(paint, mask, pillow(mask, 2.4 * unit))


def parsley(rng: Random) -> Sprite:
    """Draw a chopped scrap of leaf."""
    size, unit = square(20), DETAIL
    mask = filled(size, wobbly(rng, rng.uniform(3, 6.5) * unit, 0.5, squash=rng.uniform(0.5, 1)))
    paint = ramp(cloud(rng, size, 4 * unit), (36, 84, 22), (76, 136, 38), (120, 170, 64))
    return piece(paint, mask, pillow(mask, unit))


def honey(rng: Random) -> Sprite:
    """Draw a few drops of honey as they fall off the spoon."""
    size, unit = square(44), DETAIL
    drops = [moved(wobbly(rng, rng.uniform(1.6, 5.5) * unit, 0.12), inside(rng, 14 * unit)) for _ in range(4)]
    mask = rise(filled(size, *drops, blur=1.2 * unit), 70, 180)
    paint = ramp(soften(mask, 1.6 * unit), (176, 92, 6), (224, 142, 18), (250, 196, 72))
    return piece(paint, mask.point(lambda level: level * 0.8), pillow(mask, 2 * unit))


Topping = Callable[[Random], Sprite]

TOPPINGS: dict[str, Topping] = {
    draw.__name__: draw
    for draw in (
        artichoke,
        basil,
        cherry,
        chili,
        egg,
        garlic,
        gorgonzola,
        green_olive,
        green_pepper,
        ham,
        honey,
        mozzarella,
        mushroom,
        olive,
        onion,
        pancetta,
        parmesan,
        parsley,
        pepperoni,
        pine_nut,
        pineapple,
        prosciutto,
        red_pepper,
        rocket,
        tomato,
        walnut,
        yellow_pepper,
        zucchini,
    )
}
