"""Prepares images as the service does, and labels what each of their tokens shows."""
import math
from dataclasses import replace

import numpy as np
from PIL import Image

from world import CHARACTERS, COLOURS, SHAPES

TOKEN = 28          # side of a token in pixels: a patch of 14, merged 2 x 2
MIN_TOKENS, MAX_TOKENS = 16, 36
SLOTS = 3           # characters that can have their middle in the same token
EDGE = 7            # resolution of boxes in pixels, a quarter of a token
EDGE_CLASSES = 42   # larger edges count as the last class
FURTHEST = 14       # most pixels by which text is moved: the side of a patch


def grid_of(width, height):
    """Rows and columns of tokens by Qwen2-VL's smart_resize with the bounds above."""
    columns, rows = max(1, round(width / TOKEN)), max(1, round(height / TOKEN))
    if columns * rows > MAX_TOKENS:
        factor = math.sqrt(MAX_TOKENS * TOKEN ** 2 / (width * height))
        columns, rows = max(1, math.floor(width * factor / TOKEN)), max(1, math.floor(height * factor / TOKEN))
    elif columns * rows < MIN_TOKENS:
        factor = math.sqrt(MIN_TOKENS * TOKEN ** 2 / (width * height))
        columns, rows = math.ceil(width * factor / TOKEN), math.ceil(height * factor / TOKEN)
    return rows, columns


def prepare(r, picture):
    """Scales an image to whole tokens. @returns uint8 [rows * 28, columns * 28, 3]"""
    rows, columns = grid_of(*picture.size)
    size = columns * TOKEN, rows * TOKEN
    if picture.size != size: picture = picture.resize(size, r.choice([Image.LANCZOS, Image.LANCZOS, Image.BICUBIC]))
    return np.asarray(picture)


def prepared_box(scene, box, grid):
    """Converts a box from pixels of the scene to pixels of the prepared image."""
    across, down = grid[1] * TOKEN / scene.size[0], grid[0] * TOKEN / scene.size[1]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def boxes_of(scene, grid):
    """The boxes of all shapes as the model writes them (`bbox_2d`): pixels of the prepared image, rounded to EDGE."""
    limits = grid[1] * TOKEN, grid[0] * TOKEN
    return [tuple(min(max(EDGE * round(value / EDGE), 0), limits[side % 2])
                  for side, value in enumerate(prepared_box(scene, thing.box, grid))) for thing in scene.things]


def overlaps(box, grid):
    """The share of each token that a box covers. [rows, columns]"""
    x1, y1, x2, y2 = (value / TOKEN for value in box)
    across = np.clip(np.minimum(x2, np.arange(grid[1]) + 1) - np.maximum(x1, np.arange(grid[1])), 0, 1)
    down = np.clip(np.minimum(y2, np.arange(grid[0]) + 1) - np.maximum(y1, np.arange(grid[0])), 0, 1)
    return down[:, None] * across[None, :]


def ranks(values):
    """Ranks of values: 1 for the smallest."""
    return [1 + sorted(values).index(value) for value in values]


def third(part): return 0 if part < 0.4 else 1 if part < 0.6 else 2


def labels(scene, grid):
    """Labels of each token.

    @returns arrays [rows, columns(, n)] by name; 0 means none.
    For the thing that a token belongs to:
    `thing`: its number, from 1
    `shape`: number in SHAPES, from 1; 7 for text
    `colour`: from 1
    `zone`: 1 to 9 by thirds of the image
    `down`, `large`: rank, 1 for the topmost and the largest
    `box`: x1, y1, x2, y2 in tokens from the image's corner
    `edges`: the same in whole EDGEs
    For text:
    `slots`: 3 characters with their middle in the token, from 1
    `first`: n if the n-th character of the text is the first of them
    `before`: the character before that one
    For the image:
    `count`: number of things
    """
    rows, columns = grid
    names = 'thing', 'shape', 'colour', 'zone', 'down', 'large', 'first', 'before'
    marks = {name: np.zeros(grid, np.int64) for name in names}
    slots, box = np.zeros((*grid, SLOTS), np.int64), np.zeros((*grid, 4), np.float32)
    best = np.full(grid, 0.18)
    down, large = ranks([item.y for item in scene.things]), ranks([-item.radius for item in scene.things])
    for index, item in enumerate(scene.things):
        at = prepared_box(scene, item.box, grid)
        covered = overlaps(at, grid)
        area = max(1e-6, (at[2] - at[0]) * (at[3] - at[1]) / TOKEN ** 2)
        covered = np.maximum(covered, 0.8 * covered / area)
        mine = covered > best
        zone = 1 + 3 * third(item.y / scene.size[1]) + third(item.x / scene.size[0])
        values = (index + 1, 1 + SHAPES.index(item.shape), 1 + COLOURS.index(item.colour), zone, down[index],
                  large[index])
        best[mine], box[mine] = covered[mine], np.array(at, np.float32) / TOKEN
        for name, value in zip(names, values): marks[name][mine] = value
    for index, (character, letter_box) in enumerate(zip(scene.text, scene.boxes)):
        at = prepared_box(scene, letter_box, grid)
        covered = overlaps(at, grid) > 0.1
        marks['shape'][covered], marks['colour'][covered] = 1 + len(SHAPES), 1 + COLOURS.index(scene.colour)
        column, row = (min(max(int((at[i] + at[i + 2]) / 2 / TOKEN), 0), limit - 1)
                       for i, limit in ((0, columns), (1, rows)))
        free = np.flatnonzero(slots[row, column] == 0)
        if len(free) == 0: continue
        slots[row, column, free[0]] = 1 + CHARACTERS.index(character)
        if free[0] == 0:
            marks['first'][row, column] = index + 1
            if index: marks['before'][row, column] = 1 + CHARACTERS.index(scene.text[index - 1])
    edges = np.clip(np.rint(box * TOKEN / EDGE), 0, EDGE_CLASSES - 1).astype(np.int64)
    return {**marks, 'slots': slots, 'box': box, 'edges': edges, 'count': np.full(grid, len(scene.things), np.int64)}


def move_text(r, scene, pixels):
    """Moves the text in a prepared image by at most FURTHEST pixels. The background is extended at the edges.

    @param r a numpy generator
    @param pixels [height, width, 3]
    @returns pixels and labels after the move
    """
    height, width = pixels.shape[:2]
    grid = height // TOKEN, width // TOKEN
    boxes = np.array([prepared_box(scene, box, grid) for box in scene.boxes])
    right, down = (moves(r, boxes[:, axis].min(), size - boxes[:, axis + 2].max())
                   for axis, size in ((0, width), (1, height)))
    across, along = right * scene.size[0] / width, down * scene.size[1] / height
    moved = replace(scene, boxes=[(x1 + across, y1 + along, x2 + across, y2 + along) for x1, y1, x2, y2 in scene.boxes])
    rows, columns = np.clip(np.arange(height) - down, 0, height - 1), np.clip(np.arange(width) - right, 0, width - 1)
    return pixels[rows][:, columns], labels(moved, grid)


def moves(r, before, behind):
    """Draws a move in whole pixels, negative for left or up.

    @param before, behind free pixels on both sides; one on each side remains
    """
    return int(r.integers(-min(max(int(before) - 1, 0), FURTHEST), min(max(int(behind) - 1, 0), FURTHEST) + 1))
