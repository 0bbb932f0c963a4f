"""Dialogues as the tokens, positions and targets of a batch."""
import random
from dataclasses import dataclass, field

import numpy as np

from dialogues import PICTURE, SYSTEM, dialogue
from model import positions
from pool import likeness
from questions import Shown

IGNORED = -100
STRIDE = 8


@dataclass
class Sample:
    """`parts` are ids or a picture's (grid, index), in turn; `answers` the ranges of tokens that are to be said, by turn; `mentions` (place of a
    name's last token, what it names)"""
    parts: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    mentions: list = field(default_factory=list)
    length: int = 0

    def text(self, ids):
        self.parts.append(ids)
        self.length += len(ids)

    def picture(self, grid, index):
        self.parts.append((grid, index))
        self.length += grid[0] * grid[1]


@dataclass
class Batch:
    """`ids`, `targets` [B, T], `positions` [B, T, 3]; `things` [B, T]: of a token of a picture STRIDE * picture + thing (0 for none), else -1; `pictures`: by grid, indices in the pool, places [n, cells] among the B * T tokens, and which picture of
    its dialogue each is; `answers`: (row, first, last, turn); `asked`: (row, place, where it should look)"""
    ids: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    things: np.ndarray
    pictures: dict
    answers: list
    asked: list


def encode(tokenizer, messages, references, system):
    """A dialogue in Qwen's template. Text is split at special tokens and pictures, as llama.cpp does."""
    sample, left = Sample(), list(references)
    start, end, opened, closed = ([tokenizer.special(name)] for name in ('im_start', 'im_end', 'vision_start', 'vision_end'))
    for ids in (start, tokenizer.encode('system\n' + system), end, tokenizer.encode('\n')): sample.text(ids)
    for message in messages:
        sample.text(start)
        first, *rest = ('user\n' + message.text).split(PICTURE)
        question(sample, tokenizer, first, message.turn)
        for text in rest:
            sample.text(opened)
            sample.picture(*left.pop(0))
            sample.text(closed)
            question(sample, tokenizer, text, message.turn)
        for ids in (end, tokenizer.encode('\n'), start, tokenizer.encode('assistant\n')): sample.text(ids)
        begin = sample.length
        sample.text(tokenizer.encode(message.turn.answer) + end)
        sample.answers.append((begin, sample.length, message.turn))
        sample.text(tokenizer.encode('\n'))
    return sample


def question(sample, tokenizer, text, turn):
    ids = tokenizer.encode(text)
    ends = np.cumsum([len(tokenizer.tokens[i]) for i in ids])
    for name, meant in turn.mentions:
        at = text.lower().rfind(name.lower())
        if at >= 0 and meant: sample.mentions.append((sample.length + int(np.searchsorted(ends, len(text[:at + len(name)].encode()))), meant))
    sample.text(ids)


def random_sample(r, pictures, grids, tokenizer, single, budget):
    """@param single only one picture, as at the beginning of training @param budget tokens at which no further turn begins"""
    weights = (4, 96, 0, 0, 0) if single else (4, 48, 27, 13, 8)
    references = []

    def pick():
        grid = r.choice(grids)
        references.append((grid, r.randrange(len(pictures.scenes[grid]))))
        return shown(references[-1])

    def shown(reference): return Shown(pictures.scenes[reference[0]][reference[1]], reference[0])

    first = [pick() for _ in range(r.choices(range(5), weights)[0])]
    if len(first) == 2 and r.random() < 0.4:
        references[1] = similar(r, pictures, references[0], grids) or references[1]
        first = [shown(reference) for reference in references]
    for index, item in enumerate(first): item.index = index
    cells = sum(grid[0] * grid[1] for grid, _ in references)
    turns = max(1, min(6, (budget - cells) // 32)) if not single else r.randint(2, 5)
    messages = dialogue(r, first, r.random() < 0.42, turns, (lambda: None) if single else pick)
    return encode(tokenizer, messages, references, r.choice(SYSTEM))


def similar(r, pictures, reference, grids):
    """Another picture that shares something with one, or that very one."""
    if r.random() < 0.2: return reference
    keys = likeness(pictures.scenes[reference[0]][reference[1]])
    grid = r.choice(grids)
    found = pictures.alike.get((grid, r.choice(keys)))
    return (grid, r.choice(found)) if found else None


def batches(seed, worker, pictures, tokenizer, size, single, budget, start=0):
    """Endless batches from a seed, from number `start` on. Batches of a chunk share three grids and are sorted by length; those of all
    workers that have one number are of similar length."""
    chunk_size, number = 6, start
    while True:
        chunk, within = divmod(number, chunk_size)
        if number == start or within == 0:
            common, own = random.Random(f'{seed}/{chunk}'), random.Random(f'{seed}/{chunk}/{worker}')
            grids = common.choices(pictures.grids, pictures.weights, k=3)
            order = common.sample(range(chunk_size), chunk_size)
            samples = sorted((random_sample(own, pictures, grids, tokenizer, single, budget) for _ in range(size * chunk_size)), key=lambda sample: sample.length)
        yield collate(samples[order[within] * size:(order[within] + 1) * size], tokenizer, pictures)
        number += 1


def collate(samples, tokenizer, pool):
    rows, width = len(samples), max(sample.length for sample in samples)
    ids = np.full((rows, width), tokenizer.special('endoftext'), np.int64)
    targets, places = np.full((rows, width), IGNORED, np.int64), np.zeros((rows, width, 3), np.int64)
    things = np.full((rows, width), -1, np.int64)
    pictures, answers, asked = {}, [], []
    for row, sample in enumerate(samples):
        at, counted, seen = 0, [], 0
        for part in sample.parts:
            if isinstance(part, tuple):
                grid, index = part
                length = grid[0] * grid[1]
                ids[row, at:at + length] = tokenizer.special('image_pad')
                pictures.setdefault(grid, []).append((index, row * width + at + np.arange(length), seen))
                things[row, at:at + length] = STRIDE * seen + pool.labels[grid]['thing'][index].reshape(-1)
                counted.append(grid)
                seen += 1
            else:
                length = len(part)
                ids[row, at:at + length] = part
                counted.append(length)
            at += length
        places[row, :at] = positions(counted)
        for first, last, turn in sample.answers:
            targets[row, first - 1:last - 1] = ids[row, first:last]
            answers.append((row, first - 1, last - 1, turn))
            if turn.focus: asked.append((row, first - 1, turn.focus))
        asked += [(row, place, meant) for place, meant in sample.mentions]
    return Batch(ids, targets, places, things, {grid: tuple(map(np.stack, zip(*items))) for grid, items in pictures.items()}, answers, asked)


def pointers(batch):
    """Of each name in a question, and of the token before each answer that says where to look: row, place, and which tokens of the row are meant [n, T]."""
    found = batch.asked
    meant = np.zeros((len(found), batch.ids.shape[1]), bool)
    for mask, (row, first, focus) in zip(meant, found):
        for picture, thing in focus: mask |= (batch.things[row] // STRIDE == picture) & (batch.things[row] >= 0) if thing is None else batch.things[row] == STRIDE * picture + thing + 1
    return np.array([row for row, _, _ in found], np.int64), np.array([first for _, first, _ in found], np.int64), meant
