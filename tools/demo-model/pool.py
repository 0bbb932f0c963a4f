"""Draws images for training: `python3 pool.py FOLDER COUNT SEED`. The same seed draws the same images."""
import os
import pickle
import random
import sys
from multiprocessing import Pool as Processes

import numpy as np

import world
from prepare import grid_of, labels, move_text, prepare
from words import PRINTED

PIECE = 500


def draw_piece(arguments):
    folder, seed, piece, count, shapes = arguments
    path = f'{folder}/{piece:04}.pickle'
    if os.path.exists(path): return
    r, paths, drawn = random.Random(f'{seed}/{piece}'), world.fonts(), []
    for _ in range(count):
        scene = world.random_scene(r, PRINTED, shapes)
        picture = world.wear(r, world.draw(r, scene, paths))
        drawn.append((scene, prepare(r, picture), labels(scene, grid_of(*picture.size))))
    with open(path + '.half', 'wb') as file: pickle.dump(drawn, file, protocol=4)
    os.replace(path + '.half', path)


def draw_pool(folder, count, seed, processes, shapes=0.6):
    """Draws the missing pieces of a pool, so that an interrupted run continues."""
    os.makedirs(folder, exist_ok=True)
    with Processes(processes) as workers:
        workers.map(draw_piece, [(folder, seed, piece, PIECE, shapes) for piece in range(count // PIECE)], chunksize=1)


class Pictures:
    """A pool in memory. By grid: `pixels` uint8 [n, height, width, 3], `scenes`, and `labels`, [n, ...] by name."""

    def __init__(self, folder, first=0, last=None):
        by_grid = {}
        for name in sorted(name for name in os.listdir(folder) if name.endswith('.pickle'))[first:last]:
            with open(f'{folder}/{name}', 'rb') as file:
                for scene, pixels, marks in pickle.load(file):
                    by_grid.setdefault(marks['thing'].shape, []).append((scene, pixels, marks))
        self.scenes = {grid: [scene for scene, _, _ in items] for grid, items in by_grid.items()}
        self.pixels = {grid: np.stack([pixels for _, pixels, _ in items]) for grid, items in by_grid.items()}
        self.labels = {grid: {name: np.stack([marks[name] for _, _, marks in items]) for name in items[0][2]}
                       for grid, items in by_grid.items()}
        for grid, scenes in self.scenes.items():
            self.labels[grid]['background'] = np.array([world.COLOURS.index(scene.background) for scene in scenes])
        self.grids = sorted(grid for grid, scenes in self.scenes.items() if len(scenes) >= 20)
        self.weights = [len(self.scenes[grid]) for grid in self.grids]
        self.alike = {}
        for grid in self.grids:
            for index, scene in enumerate(self.scenes[grid]):
                for key in likeness(scene): self.alike.setdefault((grid, key), []).append(index)

    def moved(self, grid, indices, r):
        """Moves the text in images by some pixels.

        @param r a numpy generator
        @returns pixels and labels of the images
        """
        pixels = self.pixels[grid][indices]
        marks = {name: values[indices] for name, values in self.labels[grid].items()}
        for row, index in enumerate(indices):
            if not self.scenes[grid][index].text: continue
            pixels[row], found = move_text(r, self.scenes[grid][index], pixels[row])
            for name, values in found.items(): marks[name][row] = values
        return pixels, marks

    def __len__(self): return sum(map(len, self.scenes.values()))


def likeness(scene):
    """Properties that make another image worth comparing if it shares them."""
    if scene.kind == 'number': return [('number', scene.colour, scene.background), ('text', scene.text)]
    if scene.text: return [('text', scene.text)]
    if len(scene.things) != 1: return [('things', frozenset((thing.shape, thing.colour) for thing in scene.things))]
    (thing,) = scene.things
    return [('shape', thing.shape, scene.background), ('colour', thing.colour, scene.background),
            ('both', thing.shape, thing.colour),
            ('all', thing.shape, thing.colour, scene.background)]


if __name__ == '__main__': draw_pool(sys.argv[1], int(sys.argv[2]), sys.argv[3], os.cpu_count())
