"""The world of the demo model: random scenes, as images and as labels.

A scene is a plain background with one to four shapes, or with one word or number. Images are drawn with PIL. Positions
are pixels of the image as a client sends it, x to the right, y down.
"""
import glob
import io
import math
import os
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SHAPES = ['circle', 'square', 'triangle', 'star', 'cross', 'heart']
COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown', 'black', 'white', 'gray']
LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
CHARACTERS = '0123456789' + LETTERS
MAX_CHARACTERS = 8
MAX_SHAPES = 4

# RGB values that people and drawing programs use for a colour, and the variation of each channel
PAINTS = {
    'red': [(255, 0, 0, 10), (222, 20, 32, 20), (196, 12, 12, 14), (229, 57, 53, 10), (180, 22, 28, 10)],
    'orange': [(255, 165, 0, 9), (255, 140, 0, 11), (246, 124, 16, 9), (251, 150, 42, 9)],
    'yellow': [(255, 255, 0, 9), (251, 231, 22, 11), (255, 216, 0, 6), (246, 236, 82, 11)],
    'green': [(0, 128, 0, 14), (0, 200, 0, 24), (0, 255, 0, 11), (42, 160, 62, 18), (30, 110, 42, 12),
              (76, 185, 80, 14)],
    'blue': [(0, 0, 255, 12), (22, 60, 220, 18), (30, 102, 230, 14), (0, 0, 160, 14), (62, 120, 220, 12),
             (33, 150, 243, 8)],
    'purple': [(128, 0, 128, 12), (140, 42, 180, 14), (110, 32, 160, 12), (156, 60, 200, 10), (128, 0, 200, 10)],
    'pink': [(255, 192, 203, 8), (255, 150, 190, 10), (255, 105, 180, 10), (245, 142, 176, 10)],
    'brown': [(139, 69, 19, 10), (165, 42, 42, 5), (120, 72, 42, 8), (100, 56, 22, 8), (150, 90, 46, 8)],
    'black': [(0, 0, 0, 4), (12, 12, 12, 8), (28, 28, 28, 5)],
    'white': [(255, 255, 255, 2), (250, 250, 250, 5), (243, 243, 243, 4)],
    'gray': [(128, 128, 128, 8), (150, 150, 150, 10), (106, 106, 106, 8), (169, 169, 169, 8)],
}
# pairs of colours that are rarely drawn on top of each other, because people might confuse them
ALIKE = {frozenset(pair.split()) for pair in (
    'red brown', 'red orange', 'orange yellow', 'purple blue', 'white pink', 'brown black', 'purple brown',
    'orange brown',
    'white yellow', 'pink purple', 'gray brown', 'pink red')}

FONT_FOLDERS = {
    'dejavu': ['DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSerif', 'DejaVuSerif-Bold', 'DejaVuSansMono',
               'DejaVuSansMono-Bold', 'DejaVuSansCondensed-Bold'],
    'liberation': ['LiberationSans-Regular', 'LiberationSans-Bold', 'LiberationSerif-Regular', 'LiberationSerif-Bold',
                   'LiberationMono-Bold',
                   'LiberationSansNarrow-Bold'],
    'freefont': ['FreeSans', 'FreeSansBold', 'FreeSerifBold', 'FreeMonoBold'],
}


@dataclass
class Thing:
    """A shape with its centre `x`, `y` and the `radius` of its circle, in pixels. Drawing sets `box`."""
    shape: str
    colour: str
    x: float = 0.0
    y: float = 0.0
    radius: float = 0.0
    box: tuple = (0, 0, 0, 0)


@dataclass
class Scene:
    """`things` in the order of answers; or `text` in `colour`, with the box of each character in `boxes`."""
    background: str
    size: tuple
    things: list = field(default_factory=list)
    text: str = ''
    colour: str = ''
    boxes: list = field(default_factory=list)

    @property
    def kind(self):
        if not self.text: return 'shapes'
        return 'number' if self.text.isdigit() else 'word'


def fonts():
    """Paths of the installed fonts, in a fixed order. Raises SystemExit if a Debian font package is missing."""
    paths = []
    for folder, names in FONT_FOLDERS.items():
        found = {os.path.basename(path)[:-4]: path for path in glob.glob(f'/usr/share/fonts/truetype/{folder}/*.ttf')}
        missing = [name for name in names if name not in found and name != 'DejaVuSansCondensed-Bold']
        if missing:
            packages = 'fonts-dejavu, fonts-liberation and fonts-freefont-ttf'
            raise SystemExit(f'fonts are missing: {missing}; install {packages}')
        paths += [found[name] for name in names if name in found]
    return paths


# ---------------------------------------------------------------- what is in a scene

def other_colour(r, background):
    while True:
        colour = r.choice(COLOURS)
        if colour != background and not (frozenset((colour, background)) in ALIKE and r.random() < 0.85): return colour


def picture_size(r, widest=2.2):
    """Draws width and height of an image, from a thumbnail to a preview of a photograph."""
    ratio = r.choice([1, 1, 4 / 3, 3 / 4, 16 / 9, 3 / 2, r.uniform(0.6, widest)])
    side = r.choice([r.uniform(112, 200), r.uniform(160, 320), r.uniform(250, 480)])
    return max(64, round(side * math.sqrt(ratio))), max(64, round(side / math.sqrt(ratio)))


def random_scene(r, words, shapes=0.6):
    """@param words words that may be printed; None for random letters only @param shapes share of scenes with shapes"""
    background = 'white' if r.random() < 0.4 else 'black' if r.random() < 0.1 else r.choice(COLOURS)
    return shape_scene(r, background) if r.random() < shapes else text_scene(r, background, words)


def shape_scene(r, background, count=None):
    count = count or r.choices([1, 2, 3, 4], [28, 33, 25, 14])[0]
    size = picture_size(r)
    # Many shapes in a thumbnail would share tokens.
    while count > 2 and size[0] * size[1] < (120 + 15 * count) ** 2: size = picture_size(r)
    scene = Scene(background, size)
    while len(scene.things) < count:
        thing = Thing(r.choice(SHAPES), other_colour(r, background))
        if any((thing.shape, thing.colour) == (other.shape, other.colour) for other in scene.things): continue
        scene.things.append(thing)
    place(r, scene)
    return scene


def text_scene(r, background, words):
    length = r.choices(range(1, MAX_CHARACTERS + 1), [10, 14, 18, 18, 13, 10, 9, 8])[0]
    if r.random() < 0.4:
        text = (r.choice('123456789' if length > 1 else '0123456789')
                + ''.join(r.choice('0123456789') for _ in range(length - 1)))
    elif words and r.random() < 0.4: text = r.choice(words)
    else: text = ''.join(r.choice(LETTERS) for _ in range(max(2, length)))
    # Long words are in wide images, as people crop them.
    ratio = (r.uniform(1.8, 3) if len(text) > 6 else r.uniform(1.3, 2.8) if len(text) > 4
             else r.choice([1, 1, 4 / 3, 16 / 9, r.uniform(0.7, 2.2)]))
    side = r.choice([r.uniform(130, 220), r.uniform(160, 320), r.uniform(250, 480)])
    size = round(side * math.sqrt(ratio)), round(side / math.sqrt(ratio))
    dark = background not in ('black', 'brown', 'blue', 'purple')
    colour = 'black' if dark and r.random() < 0.35 else other_colour(r, background)
    return Scene(background, size, text=text, colour=colour)


# radius by the number of shapes, relative to the root of the area, at most half of the shorter side
RADII = {1: (0.14, 0.46), 2: (0.13, 0.30), 3: (0.125, 0.24), 4: (0.12, 0.2)}


def place(r, scene):
    """Places shapes without overlap and orders them: left to right, and in a column top to bottom."""
    width, height = scene.size
    unit = min(math.sqrt(width * height), 1.25 * min(width, height))
    low, high = RADII[len(scene.things)]
    layout = r.choices(['free', 'row', 'column'], [64, 26, 10])[0] if len(scene.things) > 1 else 'free'
    if layout == 'row' and width < 0.8 * height or layout == 'column' and height < 0.8 * width: layout = 'free'
    shrink, tries = 1.0, 0
    while not try_places(r, scene.things, width, height, unit * low * min(1, shrink + 0.15), unit * high * shrink,
                         layout):
        tries += 1
        # A shape must not be smaller than a token.
        shrink = max(0.75 if tries < 300 else 0.4, shrink * 0.985)
    vertical = layout == 'column'
    scene.things.sort(key=lambda thing: thing.y if vertical else thing.x)


def try_places(r, things, width, height, low, high, layout):
    same = r.uniform(low, max(low, high)) if r.random() < 0.3 else None
    line = r.uniform(0.35, 0.65)
    for index, thing in enumerate(things):
        radius = same or r.uniform(low, max(low, high))
        radius = min(radius, 0.47 * min(width, height))
        x, y = r.uniform(radius, width - radius), r.uniform(radius, height - radius)
        if len(things) == 1 and r.random() < 0.4: x, y = width / 2, height / 2
        if layout == 'row': y = min(max(line * height, radius), height - radius)
        if layout == 'column': x = min(max(line * width, radius), width - radius)
        for other in things[:index]:
            if math.hypot(x - other.x, y - other.y) < 1.15 * (radius + other.radius) + 2: return False
            if layout != 'column' and abs(x - other.x) < 0.08 * width: return False
            if layout == 'column' and abs(y - other.y) < 0.08 * height: return False
        thing.x, thing.y, thing.radius = x, y, radius
    return True


# ---------------------------------------------------------------- drawing

def paint(r, colour):
    red, green, blue, stray = PAINTS[colour][0] if r.random() < 0.3 else r.choice(PAINTS[colour])
    if r.random() < 0.2: stray = 0
    if colour in ('gray', 'black', 'white'):
        shift = r.randint(-stray, stray)
        shifts = [shift] * 3
    else: shifts = [r.randint(-stray, stray) for _ in range(3)]
    return tuple(max(0, min(255, channel + shift)) for channel, shift in zip((red, green, blue), shifts))


def outline(r, shape):
    """Corners of a shape in the unit circle, y down."""
    if shape == 'square':
        return [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]
    if shape == 'triangle':
        half = r.choice([0.92, 0.92, 0.92, 0.75])
        corners = [(0, -0.95), (half, 0.75), (-half, 0.75)]
        return [(x, -y) for x, y in corners] if r.random() < 0.08 else corners
    if shape == 'star':
        inner = r.uniform(0.38, 0.48)
        return [((1 if i % 2 == 0 else inner) * math.sin(i * math.pi / 5),
                 -(1 if i % 2 == 0 else inner) * math.cos(i * math.pi / 5)) for i in range(10)]
    if shape == 'cross':
        arm = r.uniform(0.24, 0.36)
        return [(-arm, -0.95), (arm, -0.95), (arm, -arm), (0.95, -arm), (0.95, arm), (arm, arm), (arm, 0.95),
                (-arm, 0.95), (-arm, arm), (-0.95, arm),
                (-0.95, -arm), (-arm, -arm)]
    if shape == 'heart':
        turns = [i * math.pi / 24 for i in range(48)]
        return [(math.sin(a) ** 3 * 0.96,
                 -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 16.6)
                for a in turns]
    return [(math.cos(i * math.pi / 32), math.sin(i * math.pi / 32)) for i in range(64)]


def draw_thing(r, canvas, thing, scale):
    turn = 0 if r.random() < 0.75 else math.radians(r.uniform(-14, 14))
    colour = paint(r, thing.colour)
    cos, sin = math.cos(turn), math.sin(turn)
    points = [(thing.x + thing.radius * (x * cos - y * sin), thing.y + thing.radius * (x * sin + y * cos))
              for x, y in outline(r, thing.shape)]
    style = r.random()
    if style < 0.09:
        width = max(2, thing.radius * r.uniform(0.16, 0.28))
        points = [(thing.x + (x - thing.x) * 0.88, thing.y + (y - thing.y) * 0.88) for x, y in points]
        scaled = [(x * scale, y * scale) for x, y in points]
        canvas.line(scaled + scaled[:2], fill=colour, width=max(1, round(width * scale)), joint='curve')
        margin = width / 2
    else:
        scaled = [(x * scale, y * scale) for x, y in points]
        canvas.polygon(scaled, fill=colour)
        margin = 0
        if style < 0.16 and thing.colour != 'black':
            canvas.line(scaled + scaled[:2], fill=(0, 0, 0), width=max(1, round(thing.radius * 0.06 * scale)))
    xs, ys = [x for x, _ in points], [y for _, y in points]
    thing.box = (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)


_fonts = {}


def load_font(path, size):
    if (path, size) not in _fonts:
        if len(_fonts) > 2000: _fonts.clear()
        _fonts[path, size] = ImageFont.truetype(path, size)
    return _fonts[path, size]


def draw_text(r, canvas, scene, scale, paths):
    width, height = scene.size[0] * scale, scene.size[1] * scale
    path, text = r.choice(paths), scene.text
    left, top, right, bottom = load_font(path, 40).getbbox(text)
    largest = 40 * min(0.92 * width / max(1, right - left), 0.8 * height / max(1, bottom - top))
    font = load_font(path, max(9, int(largest * r.uniform(0.78 if len(text) > 2 else 0.5, 1))))
    left, top, right, bottom = font.getbbox(text)
    if r.random() < 0.45: x, y = (width - right + left) / 2, (height - bottom + top) / 2
    else: x, y = r.uniform(1, max(2, width - right + left - 1)), r.uniform(1, max(2, height - bottom + top - 1))
    canvas.text((x - left, y - top), text, font=font, fill=paint(r, scene.colour))
    starts = [x - left + font.getlength(text[:i]) for i in range(len(text) + 1)]
    scene.boxes = [(a / scale, y / scale, b / scale, (y + bottom - top) / scale) for a, b in zip(starts, starts[1:])]


def draw(r, scene, paths):
    """Draws a scene and sets its boxes. @returns a PIL image, RGB"""
    width, height = scene.size
    scale = (r.choice([1, 2, 2, 3]) if width * height < 50_000 else r.choice([1, 1, 2]) if width * height < 120_000
             else 1)
    picture = Image.new('RGB', (width * scale, height * scale), paint(r, scene.background))
    if r.random() < 0.05:
        light = np.linspace(-12, 12, width * scale, dtype=np.float32)[None, :, None]
        picture = Image.fromarray((np.asarray(picture, np.float32) + light).clip(0, 255).astype(np.uint8))
    canvas = ImageDraw.Draw(picture)
    for thing in scene.things: draw_thing(r, canvas, thing, scale)
    if scene.text: draw_text(r, canvas, scene, scale, paths)
    if scale > 1: picture = picture.resize((width, height), r.choice([Image.BOX, Image.BICUBIC, Image.LANCZOS]))
    return picture


def wear(r, picture):
    """Adds traces of transmission: JPEG artefacts, some blur, some noise."""
    if r.random() < 0.25: picture = Image.open(io.BytesIO(jpeg(picture, r.randint(50, 95)))).convert('RGB')
    if r.random() < 0.08: picture = picture.filter(ImageFilter.GaussianBlur(r.uniform(0.3, 0.8)))
    if r.random() < 0.1:
        source = np.random.default_rng(r.getrandbits(32))
        noise = source.normal(0, r.uniform(2, 7), (picture.height, picture.width, 3)).astype(np.float32)
        picture = Image.fromarray((np.asarray(picture, np.float32) + noise).clip(0, 255).astype(np.uint8))
    return picture


def jpeg(picture, quality):
    out = io.BytesIO()
    picture.save(out, 'JPEG', quality=quality)
    return out.getvalue()
