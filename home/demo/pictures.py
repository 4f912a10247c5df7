"""Define the demo menu and draw its pictures, so that no photo has to be licensed.

A picture is painted twice: in colour and in height. At the end one lamp shines on the heights from the
upper left, which gives the crust its roundness and every topping its shadow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from home.demo.toppings import (
    DETAIL,
    TOPPINGS,
    Colour,
    Point,
    Sprite,
    cloud,
    dab,
    filled,
    grain,
    inside,
    moved,
    ramp,
    rise,
    soften,
    stroked,
    wobbly,
)

WIDTH_PIXELS, HEIGHT_PIXELS = 800, 500
SCALE = 2  # everything is drawn larger by this factor, then shrunk, which smooths all edges
SCENE = (WIDTH_PIXELS * SCALE, HEIGHT_PIXELS * SCALE)
MIDDLE = (SCENE[0] / 2, SCENE[1] / 2)
RADIUS = 230 * SCALE
DISH = (RADIUS * 2 + 120, RADIUS * 2 + 120)
MOST_SHAPES = 5  # different pieces drawn per topping; each is laid several times at different angles

SHADOW = (40, 18, 8)
LAMPLIGHT = (255, 248, 232)


@dataclass(frozen=True)
class DemoPizza:
    """One line of the demo menu, and what its picture shows."""

    name: str
    description: str
    price: Decimal
    sauce: str
    cheese: float  # the share of the sauce that melted cheese covers
    toppings: tuple[tuple[str, int], ...]  # in the order the cook lays them
    table: str
    board: str
    beside: tuple[str, ...]
    bowl: str = ""
    sliced: bool = False


PIZZAS = (
    DemoPizza(
        "Margherita",
        "San Marzano tomatoes, creamy fior di latte and fresh basil, with a thread of olive oil.",
        Decimal("8.50"),
        sauce="tomato",
        cheese=0.2,
        toppings=(("mozzarella", 10), ("basil", 9)),
        table="gingham",
        board="wood",
        beside=("cherry", "basil", "cherry", "basil", "cherry", "basil"),
    ),
    DemoPizza(
        "Diavola",
        "Spicy pepperoni that crisps at the edges, red chili and bubbling mozzarella.",
        Decimal("10.90"),
        sauce="tomato",
        cheese=0.74,
        toppings=(("pepperoni", 15), ("chili", 13)),
        table="slate",
        board="wood",
        beside=("chili", "pepperoni", "chili", "garlic", "chili", "garlic"),
        bowl="chili flakes",
        sliced=True,
    ),
    DemoPizza(
        "Funghi",
        "Roasted chestnut mushrooms on garlic cream, with shaved parmesan and a little parsley.",
        Decimal("10.50"),
        sauce="cream",
        cheese=0.86,
        toppings=(("mushroom", 21), ("parmesan", 6), ("parsley", 30)),
        table="walnut",
        board="pan",
        beside=("mushroom", "garlic", "mushroom", "garlic", "mushroom", "parsley", "mushroom"),
    ),
    DemoPizza(
        "Quattro Formaggi",
        "Mozzarella, gorgonzola, fontina and parmesan, with walnuts and chestnut honey.",
        Decimal("11.50"),
        sauce="cream",
        cheese=0.95,
        toppings=(("gorgonzola", 13), ("walnut", 10), ("parmesan", 6), ("honey", 14)),
        table="mustard",
        board="plate",
        beside=("walnut", "parmesan", "walnut", "parmesan", "walnut", "walnut"),
        bowl="chestnut honey",
    ),
    DemoPizza(
        "Prosciutto e Rucola",
        "Parma ham, wild rocket, cherry tomatoes and parmesan, all added after the oven.",
        Decimal("12.90"),
        sauce="tomato",
        cheese=0.62,
        toppings=(("prosciutto", 6), ("tomato", 9), ("rocket", 16), ("parmesan", 8)),
        table="linen",
        board="wood",
        beside=("rocket", "cherry", "rocket", "cherry", "rocket", "cherry"),
    ),
    DemoPizza(
        "Capricciosa",
        "Tender artichokes, cooked ham, mushrooms and black olives: a little of everything.",
        Decimal("11.90"),
        sauce="tomato",
        cheese=0.66,
        toppings=(("artichoke", 7), ("ham", 9), ("mushroom", 8), ("olive", 9), ("green_olive", 6)),
        table="oak",
        board="plate",
        beside=("mushroom", "olive", "mushroom", "garlic", "mushroom", "olive"),
        bowl="green_olive",
    ),
    DemoPizza(
        "Ortolana",
        "Grilled courgette, sweet peppers, red onion and cherry tomatoes from the garden.",
        Decimal("10.90"),
        sauce="tomato",
        cheese=0.55,
        toppings=(
            ("zucchini", 8),
            ("yellow_pepper", 5),
            ("red_pepper", 4),
            ("green_pepper", 4),
            ("tomato", 6),
            ("onion", 6),
            ("basil", 3),
        ),
        table="sage",
        board="wood",
        beside=("cherry", "yellow_pepper", "cherry", "zucchini", "cherry", "zucchini"),
    ),
    DemoPizza(
        "Tropicale",
        "Caramelised pineapple, cooked ham and a hint of chili: sweet, salty and proud of it.",
        Decimal("10.90"),
        sauce="tomato",
        cheese=0.82,
        toppings=(("pineapple", 13), ("ham", 12), ("chili", 6)),
        table="sea",
        board="wood",
        beside=("pineapple", "chili", "pineapple", "chili", "pineapple", "chili"),
        sliced=True,
    ),
    DemoPizza(
        "Pesto Genovese",
        "Basil pesto, mozzarella, cherry tomatoes and toasted pine nuts.",
        Decimal("11.50"),
        sauce="pesto",
        cheese=0.16,
        toppings=(("mozzarella", 8), ("tomato", 9), ("pine_nut", 22), ("basil", 3)),
        table="marble",
        board="wood",
        beside=("basil", "cherry", "pine_nut", "cherry", "pine_nut", "pine_nut", "pine_nut", "pine_nut"),
        bowl="pesto",
    ),
    DemoPizza(
        "Carbonara",
        "Crisp pancetta, pecorino cream, black pepper and a golden egg in the middle.",
        Decimal("12.50"),
        sauce="cream",
        cheese=0.88,
        toppings=(("pancetta", 23), ("parmesan", 8), ("parsley", 14), ("egg", 1)),
        table="denim",
        board="slate",
        beside=("parmesan", "garlic", "parmesan", "garlic", "parmesan"),
        bowl="peppercorns",
    ),
)


@dataclass
class Canvas:
    """An unfinished picture: the colours, and the height of each spot above the table."""

    colour: Image.Image
    height: Image.Image

    def paint(
        self, colour: Image.Image, height: Image.Image, mask: Image.Image, place: tuple[int, int] = (0, 0)
    ) -> None:
        self.colour.paste(colour, place, mask)
        self.height.paste(height, place, mask)


def draw_pizza(name: str) -> bytes:
    """Return the picture of this demo pizza as PNG bytes, the same on every run."""
    pizza = {pizza.name: pizza for pizza in PIZZAS}[name]
    rng = Random(name)
    scene = lay_table(pizza, rng)
    serve(scene, pizza, rng)
    return developed(lit(scene))


# ---------------------------------------------------------------- the table


def lay_table(pizza: DemoPizza, rng: Random) -> Canvas:
    """Put the board in the middle, ingredients in two opposite corners, handle and bowl in the others."""
    scene = Canvas(TABLES[pizza.table](rng), Image.new("L", SCENE, 30))
    side = rng.choice((-1, 1))
    BOARDS[pizza.board](scene, side, rng)
    if pizza.bowl:
        set_bowl(scene, pizza.bowl, side, rng)
    taken: list[Point] = []
    for index, topping in enumerate(pizza.beside):
        down = 1 if index % 2 else -1
        place = place_beside(rng, down * side, down, taken)
        lay(scene, sized(TOPPINGS[topping](rng), rng), place, rng, 40, 0.4)
    return scene


def place_beside(rng: Random, across: int, down: int, taken: list[Point]) -> Point:
    """Return a spot in one corner of the table, away from what is already there."""
    offers = []
    for _ in range(12):
        x, y = across * rng.uniform(312, 384) * SCALE, down * rng.uniform(128, 232) * SCALE
        offers.append((MIDDLE[0] + x, MIDDLE[1] + y))
    taken.append(max(offers, key=lambda offer: freedom(offer, taken)))
    return taken[-1]


def planks(rng: Random, *stops: Colour) -> Image.Image:
    """Draw boards side by side, each of a different wood."""
    colour = Image.new("RGB", SCENE)
    size = (SCENE[0], SCENE[1] // 5)
    for row in range(5):
        fibre = Image.blend(grain(rng, size, (520, 12)), grain(rng, size, (300, 4)), 0.45)
        board = ramp(Image.blend(fibre, cloud(rng, size, 300), 0.35), *stops)
        colour.paste(ImageEnhance.Brightness(board).enhance(rng.uniform(0.86, 1.1)), (0, row * size[1]))
    rows = [row * size[1] - MIDDLE[1] for row in range(1, 5)]
    gaps = stroked(SCENE, [[(-MIDDLE[0], y), (MIDDLE[0], y)] for y in rows], 5, blur=1.5)
    dab(colour, (20, 10, 4), gaps, 0.85)
    return colour


def woven(rng: Random, *stops: Colour) -> Image.Image:
    """Draw cloth with threads across and down."""
    threads = Image.blend(grain(rng, SCENE, (60, 4)), grain(rng, SCENE, (4, 60)), 0.5)
    return ramp(Image.blend(threads, cloud(rng, SCENE, 420), 0.25), *stops)


def gingham(rng: Random) -> Image.Image:
    cloth = woven(rng, (222, 210, 196), (250, 243, 232), (255, 252, 246))
    band = 58 * SCALE
    for across in (True, False):
        stripes = Image.new("L", SCENE)
        draw = ImageDraw.Draw(stripes)
        for start in range(20 * SCALE, SCENE[0], band * 2):
            end = start + band
            draw.rectangle((0, start, SCENE[0], end) if across else (start, 0, end, SCENE[1]), 150)
        dab(cloth, (185, 45, 27), stripes)
    return cloth


def slate(rng: Random) -> Image.Image:
    layers = Image.blend(cloud(rng, SCENE, 380), grain(rng, SCENE, (90, 14)), 0.35)
    dusty = Image.blend(layers, grain(rng, SCENE, (5, 5)), 0.16)
    return ramp(dusty, (30, 32, 36), (50, 53, 58), (76, 79, 84))


def marble(rng: Random) -> Image.Image:
    colour = ramp(cloud(rng, SCENE, 500), (232, 226, 218), (246, 242, 236), (254, 252, 248))
    small = (SCENE[0] // 2, SCENE[1] // 2)
    bands = soften(cloud(rng, small, 330), 2)
    vein = soften(bands.point([max(0, 255 - abs(level - 128) * 40) for level in range(256)]), 1.5)
    fading = ImageChops.multiply(vein, rise(cloud(rng, small, 160), 90, 240))
    dab(colour, (150, 142, 136), fading.resize(SCENE, Image.Resampling.BICUBIC), 0.5)
    return colour


def plaster(rng: Random, *stops: Colour) -> Image.Image:
    """Draw a surface brushed in one colour."""
    strokes = Image.blend(cloud(rng, SCENE, 340), grain(rng, SCENE, (70, 7)), 0.3)
    return ramp(Image.blend(strokes, grain(rng, SCENE, (4, 4)), 0.12), *stops)


TABLES: dict[str, Callable[[Random], Image.Image]] = {
    "gingham": gingham,
    "slate": slate,
    "marble": marble,
    "walnut": lambda rng: planks(rng, (48, 27, 15), (84, 50, 29), (118, 76, 46)),
    "oak": lambda rng: planks(rng, (166, 118, 70), (202, 156, 102), (226, 188, 138)),
    "linen": lambda rng: woven(rng, (190, 176, 152), (222, 211, 190), (240, 232, 216)),
    "denim": lambda rng: woven(rng, (44, 56, 76), (70, 86, 108), (112, 128, 146)),
    "mustard": lambda rng: plaster(rng, (196, 132, 28), (222, 160, 46), (236, 184, 78)),
    "sage": lambda rng: plaster(rng, (112, 132, 98), (142, 162, 124), (170, 186, 150)),
    "sea": lambda rng: plaster(rng, (40, 112, 114), (66, 144, 142), (116, 180, 172)),
}


# ---------------------------------------------------------------- under the pizza


def put(scene: Canvas, thing: Canvas, mask: Image.Image, place: tuple[int, int] = (0, 0)) -> None:
    """Put something on the table, with a soft shadow to its lower right."""
    small = Image.new("L", (SCENE[0] // 4, SCENE[1] // 4))
    small.paste(mask.reduce(4), (place[0] // 4, place[1] // 4))
    shadow = shifted(soften(small, 10), 7, 10).resize(SCENE, Image.Resampling.BILINEAR)
    dab(scene.colour, SHADOW, shadow, 0.56)
    scene.paint(thing.colour, thing.height, mask, place)


def bevel(mask: Image.Image, swell: float, edge: float) -> Image.Image:
    """Return a height above the table that is rounded off at its edge."""
    rounded = soften(mask.reduce(2), edge / 2).resize(mask.size)
    return rounded.point([round(30 + level * swell) for level in range(256)])


def wood_board(scene: Canvas, side: int, rng: Random) -> None:
    mask = board_shape(-side, rng).resize(SCENE, Image.Resampling.BICUBIC)
    fibre = Image.blend(grain(rng, SCENE, (900, 22)), grain(rng, SCENE, (420, 5)), 0.45)
    paint = ramp(Image.blend(fibre, cloud(rng, SCENE, 420), 0.3), (122, 74, 40), (154, 99, 56), (180, 122, 74))
    put(scene, Canvas(paint, bevel(mask, 0.12, 10)), mask)


def board_shape(side: int, rng: Random) -> Image.Image:
    """Return a disc and its handle with a smooth curve between them, at a quarter of the scene's size."""
    spare = 80  # the board is larger than the picture, and blurring must not see the cut
    small = (SCENE[0] // 4, SCENE[1] // 4 + 2 * spare)
    disc = filled(small, wobbly(rng, RADIUS / 4 + 13, 0.002))
    joined = ImageChops.lighter(disc, stroked(small, [[(0, 0), (side * 280, 200)]], 32))
    return rise(soften(joined, 8), 116, 140).crop((0, spare, small[0], small[1] - spare))


def plate(scene: Canvas, side: int, rng: Random) -> None:
    mask = filled(SCENE, wobbly(rng, RADIUS + 34 * SCALE, 0.001))
    well = filled(SCENE, wobbly(rng, RADIUS + 10 * SCALE, 0.001), blur=8)
    paint = ramp(cloud(rng, SCENE, 300), (242, 236, 224), (250, 246, 238), (255, 253, 248))
    dab(
        paint,
        (62, 92, 128),
        ImageChops.subtract(mask, filled(SCENE, wobbly(rng, RADIUS + 30 * SCALE, 0.001))),
        0.85,
    )
    put(
        scene,
        Canvas(paint, ImageChops.subtract(bevel(mask, 0.14, 10), well.point(lambda level: level * 0.07))),
        mask,
    )


def pan(scene: Canvas, side: int, rng: Random) -> None:
    """Draw a steel baking tin with a raised rim."""
    mask = filled(SCENE, wobbly(rng, RADIUS + 26 * SCALE, 0.001))
    floor = filled(SCENE, wobbly(rng, RADIUS + 17 * SCALE, 0.001), blur=5)
    brushed = Image.blend(cloud(rng, SCENE, 240), grain(rng, SCENE, (160, 5)), 0.4)
    paint = ramp(brushed, (70, 68, 68), (104, 100, 97), (146, 140, 134))
    put(
        scene,
        Canvas(paint, ImageChops.subtract(bevel(mask, 0.27, 8), floor.point(lambda level: level * 0.22))),
        mask,
    )


def slate_board(scene: Canvas, side: int, rng: Random) -> None:
    mask = filled(SCENE, wobbly(rng, RADIUS + 30 * SCALE, 0.006, waves=12))
    layers = Image.blend(cloud(rng, SCENE, 260), grain(rng, SCENE, (5, 5)), 0.2)
    paint = ramp(layers, (34, 34, 36), (54, 54, 56), (80, 80, 82))
    put(scene, Canvas(paint, Image.blend(bevel(mask, 0.1, 6), layers, 0.12)), mask)


BOARDS: dict[str, Callable[[Canvas, int, Random], None]] = {
    "wood": wood_board,
    "plate": plate,
    "pan": pan,
    "slate": slate_board,
}

BOWLS: dict[str, tuple[int, tuple[Colour, ...]]] = {
    "chili flakes": (5, ((110, 14, 6), (176, 36, 14), (222, 96, 36), (240, 190, 110))),
    "chestnut honey": (200, ((176, 92, 6), (220, 138, 16), (246, 186, 62))),
    "green_olive": (9, ((52, 54, 16), (96, 98, 34))),
    "pesto": (9, ((34, 62, 16), (74, 110, 34), (126, 154, 66))),
    "peppercorns": (5, ((24, 20, 18), (58, 48, 42), (128, 112, 96))),
}


def set_bowl(scene: Canvas, content: str, side: int, rng: Random) -> None:
    """Put a small bowl in an upper corner, partly outside the picture."""
    size = (168 * SCALE, 168 * SCALE)
    middle = (MIDDLE[0] + side * rng.uniform(344, 372) * SCALE, rng.uniform(46, 74) * SCALE)
    mask = filled(size, wobbly(rng, 76 * SCALE, 0.002))
    mouth = filled(size, wobbly(rng, 67 * SCALE, 0.002), blur=3)
    bowl = Canvas(ramp(cloud(rng, size, 90), (240, 230, 214), (253, 247, 238)), bevel(mask, 0.32, 8))
    deep = rise(soften(mouth, 32), 60, 235)
    cell, stops = BOWLS[content]
    fill = cloud(rng, size, cell * SCALE)
    bowl.paint(ramp(fill, *stops), Image.blend(fill, deep, 0.55).point(lambda level: 30 + level * 0.35), mouth)
    if content in TOPPINGS:
        heap_up(bowl, content, rng)
    dab(bowl.colour, SHADOW, ImageChops.subtract(mouth, deep), 0.55)
    put(scene, bowl, mask, (round(middle[0]) - size[0] // 2, round(middle[1]) - size[1] // 2))


def heap_up(bowl: Canvas, topping: str, rng: Random) -> None:
    """Fill the bowl with many pieces of one topping."""
    pieces = [sized(TOPPINGS[topping](rng), rng) for _ in range(MOST_SHAPES)]
    for _ in range(46):
        x, y = inside(rng, 50 * SCALE)
        lay(bowl, rng.choice(pieces), (bowl.height.width / 2 + x, bowl.height.height / 2 + y), rng, 70, 0.4)


# ---------------------------------------------------------------- the pizza


def serve(scene: Canvas, pizza: DemoPizza, rng: Random) -> None:
    """Bake the pizza and put it on the board, perhaps with one slice pulled out."""
    dish, mask = bake(pizza, rng)
    place = ((SCENE[0] - DISH[0]) // 2, (SCENE[1] - DISH[1]) // 2)
    if not pizza.sliced:
        return put(scene, dish, mask, place)
    angle = rng.choice((0, pi)) + rng.uniform(-0.2, 0.2)
    wedge = ImageChops.multiply(mask, slice_mask(angle))
    put(scene, dish, ImageChops.subtract(mask, wedge), place)
    away = (round(cos(angle) * 46 * SCALE), round(sin(angle) * 46 * SCALE))
    put(scene, dish, wedge, (place[0] + away[0], place[1] + away[1]))


def slice_mask(angle: float) -> Image.Image:
    """Return the mask of an eighth of the circle."""
    ends = [(cos(angle + turn) * 2 * RADIUS, sin(angle + turn) * 2 * RADIUS) for turn in (-pi / 8, pi / 8)]
    return filled(DISH, [(0, 0), *ends])


def bake(pizza: DemoPizza, rng: Random) -> tuple[Canvas, Image.Image]:
    """Return the pizza by itself, and its mask."""
    outline = wobbly(rng, RADIUS, 0.022, waves=9)
    dish = rolled_out(outline, rng)
    sauce = SAUCES[pizza.sauce]
    spread_sauce(dish, outline, sauce, rng)
    melt_cheese(dish, scaled(outline, sauce.cheese_reach), pizza.cheese, rng)
    season(dish, rng)
    scatter(dish, pizza.toppings, rng)
    return dish, filled(DISH, outline)


def scaled(outline: list[Point], share: float) -> list[Point]:
    return [(x * share, y * share) for x, y in outline]


def rim_field(outline: list[Point]) -> Image.Image:
    """Return black outside the pizza, increasingly light over the width of the crust, and white inside."""
    half = (DISH[0] // 2, DISH[1] // 2)
    field = Image.new("L", half)
    draw = ImageDraw.Draw(field)
    for ring in range(1, 41):
        inner = scaled(outline, (1 - ring * 0.0055) / 2)
        draw.polygon(moved(inner, (half[0] / 2, half[1] / 2)), fill=ring * 255 // 40)
    return soften(field, 2).resize(DISH, Image.Resampling.BICUBIC)


def rolled_out(outline: list[Point], rng: Random) -> Canvas:
    """Return the dough with its puffed, browned and blistered rim."""
    puff = rim_field(outline).point([round(255 * sin(pi * (level / 255) ** 0.7) ** 0.8) for level in range(256)])
    puff = ImageChops.multiply(puff, rise(cloud(rng, DISH, 150), -190, 190))
    height = ImageChops.add(puff.point(lambda level: 46 + level * 0.5), air_bubbles(outline, rng))
    crumb = Image.blend(cloud(rng, DISH, 110), puff, 0.5)
    colour = ramp(crumb, (246, 216, 160), (242, 200, 134), (228, 164, 88), (198, 118, 54), (158, 84, 36))
    char(colour, puff, rng)
    flour = ImageChops.multiply(rise(grain(rng, DISH, (5, 5)), 150, 250), rise(cloud(rng, DISH, 130), 120, 220))
    dab(colour, (255, 246, 228), flour, 0.5)
    return Canvas(colour, Image.blend(height, cloud(rng, DISH, 30), 0.1))


def air_bubbles(outline: list[Point], rng: Random) -> Image.Image:
    """Return blisters on the rim, where the dough caught air."""
    small = (DISH[0] // 2, DISH[1] // 2)
    places = [(x * 0.465, y * 0.465) for x, y in rng.sample(outline, 16)]
    blisters = [moved(wobbly(rng, rng.uniform(5, 12), 0.15), place) for place in places]
    return filled(small, *blisters, blur=4).resize(DISH).point(lambda level: level * 0.2)


def char(colour: Image.Image, puff: Image.Image, rng: Random) -> None:
    """Add the leopard spots of a hot oven: a brown glow around a few nearly black spots."""
    for cell, low in ((70, 176), (30, 196)):
        spots = ImageChops.multiply(rise(puff, 70, 200), rise(cloud(rng, DISH, cell), low - 50, low + 46))
        dab(colour, (140, 72, 28), spots, 0.75)
        dab(colour, (48, 26, 16), soften(rise(spots, 150, 250), 1.5), 0.8)


class Sauce(NamedTuple):
    """The colours of a sauce, how coarse it is, and how far out the cheese covers it."""

    stops: tuple[Colour, ...]
    relief: float
    cheese_reach: float


SAUCES = {
    "tomato": Sauce(((142, 20, 8), (176, 34, 12), (196, 50, 18), (216, 84, 34)), 0.26, 0.83),
    "cream": Sauce(((240, 186, 96), (249, 216, 142), (254, 234, 184)), 0.1, 0.865),
    "pesto": Sauce(((46, 66, 16), (76, 102, 30), (106, 130, 46), (146, 158, 72)), 0.26, 0.83),
}


def spread_sauce(dish: Canvas, outline: list[Point], sauce: Sauce, rng: Random) -> None:
    edge = soften(filled(DISH, scaled(outline, 0.865)).reduce(4), 5).resize(DISH)
    mask = rise(Image.blend(edge, cloud(rng, DISH, 60), 0.3), 112, 140)
    pulp = Image.blend(cloud(rng, DISH, 44), cloud(rng, DISH, 16), 0.35)
    shade = Image.blend(cloud(rng, DISH, 120), pulp, 0.5)
    dish.paint(ramp(shade, *sauce.stops), soften(pulp, 1.5).point(lambda level: 54 + level * sauce.relief), mask)


def melt_cheese(dish: Canvas, border: list[Point], share: float, rng: Random) -> None:
    """Add melted mozzarella, with holes where the sauce shows through."""
    edge = soften(filled(DISH, border).reduce(4), 7).resize(DISH)
    flow = Image.blend(cloud(rng, DISH, 130), cloud(rng, DISH, 60), 0.25)
    greys = sorted(flow.reduce(16).tobytes())
    grey = greys[round((1 - share) * len(greys))]
    film = ImageChops.multiply(rise(edge, 90, 160), rise(flow, grey - 22, grey + 26))
    bumps = soften(Image.blend(cloud(rng, DISH, 76), film, 0.45), 2)
    paint = ramp(bumps, (232, 150, 54), (246, 192, 90), (252, 220, 130), (255, 237, 170))
    blister(paint, bumps, rng)
    dish.paint(paint, bumps.point(lambda level: 58 + level * 0.26), rise(film, 40, 150))


def blister(paint: Image.Image, bumps: Image.Image, rng: Random) -> None:
    """Brown the cheese where it bubbled up, darkest in the middle of each bubble."""
    for cell, low in ((84, 120), (34, 150)):
        golden = ImageChops.multiply(rise(cloud(rng, DISH, cell), low, 236), rise(bumps, 50, 160))
        dab(paint, (218, 130, 42), golden, 0.66)
        dab(paint, (146, 70, 22), soften(rise(golden, 150, 250), 2), 0.6)


def season(dish: Canvas, rng: Random) -> None:
    """Sprinkle dried oregano."""
    shapes = [wobbly(rng, rng.uniform(1.4, 3.4), 0.3, squash=0.6) for _ in range(8)]
    flakes = [moved(rng.choice(shapes), inside(rng, RADIUS * 0.8)) for _ in range(110)]
    dab(dish.colour, (62, 66, 24), filled(DISH, *flakes, blur=0.7), 0.75)


# ---------------------------------------------------------------- laying


def scatter(dish: Canvas, toppings: tuple[tuple[str, int], ...], rng: Random) -> None:
    """Lay the toppings with even gaps, like a careful cook."""
    taken: list[Point] = []
    for name, count in toppings:
        pieces = [sized(TOPPINGS[name](rng), rng) for _ in range(min(count, MOST_SHAPES))]
        reach = (RADIUS * 0.85 - max(pieces[0].height.size) * 0.32) if count > 1 else 0
        for place in spread_places(rng, count, reach, taken):
            lay(dish, rng.choice(pieces), place, rng, 92, 0.42)


def spread_places(rng: Random, count: int, reach: float, taken: list[Point]) -> list[Point]:
    """Return the even arrangement, of many, that is farthest from everything laid before."""
    offers = [sunflower(rng, count, reach) for _ in range(30)]
    places = max(offers, key=lambda offer: sum(freedom(place, taken) for place in offer))
    taken += places
    return places


def sunflower(rng: Random, count: int, reach: float) -> list[Point]:
    """Return points spread evenly, like the seeds of a sunflower, with some irregularity."""
    turn, middle, places = rng.uniform(0, 2 * pi), DISH[0] / 2, list[Point]()
    for index in range(count):
        angle, far = turn + index * 2.39996, reach * ((index + 0.6) / count) ** 0.5
        x, y = inside(rng, reach * 0.26 / count**0.5)
        places.append((middle + far * cos(angle) + x, middle + far * sin(angle) + y))
    return places


def freedom(place: Point, taken: list[Point]) -> float:
    """Return the distance to the nearest piece."""
    return min((abs(complex(place[0] - x, place[1] - y)) for x, y in taken), default=0)


def sized(sprite: Sprite, rng: Random) -> Sprite:
    """Scale a piece to the scene, some larger than others."""
    share = rng.uniform(1.12, 1.36) * SCALE / DETAIL
    size = (round(sprite.colour.width * share), round(sprite.colour.height * share))
    way = Image.Resampling.HAMMING
    return Sprite(sprite.colour.resize(size, way), sprite.height.resize(size, way))


def lay(canvas: Canvas, sprite: Sprite, place: Point, rng: Random, base: int, lift: float) -> None:
    """Lay one piece of a topping, turned at random."""
    turn = rng.uniform(0, 360)
    colour = sprite.colour.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    height = sprite.height.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    raised = height.point([round(base + level * lift) for level in range(256)])
    corner = (round(place[0] - colour.width / 2), round(place[1] - colour.height / 2))
    canvas.paint(colour.convert("RGB"), raised, colour.getchannel("A"), corner)


# ---------------------------------------------------------------- light

# Shade at full strength but light at half, otherwise every edge turns white.
LAMP = [level if level < 128 else 128 + (level - 128) // 2 for level in range(256)]


def lit(scene: Canvas) -> Image.Image:
    """Return the scene under a lamp at the upper left."""
    colour = cast_shadows(scene.colour, scene.height)
    form = slope_of(soften(scene.height.reduce(4), 3), 2, 1.5).resize(SCENE, Image.Resampling.BICUBIC)
    colour = ImageChops.soft_light(colour, Image.merge("RGB", [form] * 3))
    detail = slope_of(soften(scene.height, 1.4), 3, 0.9).point(LAMP)
    colour = ImageChops.hard_light(colour, Image.merge("RGB", [detail] * 3))
    gloss = rise(slope_of(soften(scene.height.reduce(2), 1.2), 2, 0.6), 170, 240)
    dab(colour, LAMPLIGHT, gloss.resize(SCENE, Image.Resampling.BICUBIC), 0.5)
    return colour


def slope_of(height: Image.Image, reach: int, strength: float) -> Image.Image:
    """Return light where the surface faces the lamp, dark where it faces away, and grey where it is level."""
    return ImageChops.subtract(shifted(height, -reach, -reach), shifted(height, reach, reach), 1 / strength, 128)


def shifted(picture: Image.Image, right: int, down: int) -> Image.Image:
    """Shift the picture, repeating its edge where it is uncovered at the upper left."""
    pushed = picture.copy()
    pushed.paste(picture, (right, down))
    if right > 0 and down > 0:
        pushed.paste(picture.crop((0, 0, picture.width, 1)).resize((picture.width, down)), (right, 0))
        pushed.paste(pushed.crop((right, 0, right + 1, picture.height)).resize((right, picture.height)), (0, 0))
    return pushed


def cast_shadows(colour: Image.Image, height: Image.Image) -> Image.Image:
    """Darken what is lower beside anything high, mostly to its lower right."""
    small = height.reduce(4)
    for reach, shift, strength in ((2.5, 2, 2.6), (8, 2, 1.6)):
        above = shifted(soften(small, reach), shift, shift)
        depth = ImageChops.subtract(above, small)
        shade = depth.point([min(200, round(level * strength)) for level in range(256)])
        dab(colour, (50, 18, 6), shade.resize(height.size, Image.Resampling.BILINEAR), 0.75)
    return colour


def developed(picture: Image.Image) -> bytes:
    """Return the picture shrunk, sharpened, and a little darker towards the corners."""
    picture = picture.resize((WIDTH_PIXELS, HEIGHT_PIXELS), Image.Resampling.LANCZOS)
    picture = picture.filter(ImageFilter.UnsharpMask(1.2, 60, 2))
    corner = Image.radial_gradient("L").resize(picture.size, Image.Resampling.BICUBIC)
    dab(picture, SHADOW, rise(corner, 120, 380), 0.6)
    picture = ImageEnhance.Color(ImageEnhance.Brightness(picture).enhance(1.06)).enhance(1.08)
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
