"""Dialogues as the tokens, positions and targets of a batch."""
import random
from dataclasses import dataclass, field

import numpy as np

from dialogues import PICTURE, SYSTEM, dialogue
from model import positions
from pool import likeness
from probes import IGNORED
from turns import Shown

STRIDE = 8
# labels of the thing that a name refers to; see prepare.labels
MARKS = 'down', 'large', 'zone'


@dataclass
class Sample:
    """A dialogue as tokens.

    `parts`: ids, or (grid, index) of a picture, in order. `answers`: the token ranges of answers, with their turns.
    `mentions`: (place of a token that names something in a question, where it is visible). `told`: (place before a
    token of an answer, where that token is read off).
    """
    parts: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    mentions: list = field(default_factory=list)
    told: list = field(default_factory=list)
    length: int = 0

    def text(self, ids):
        self.parts.append(ids)
        self.length += len(ids)

    def picture(self, grid, index):
        self.parts.append((grid, index))
        self.length += grid[0] * grid[1]


@dataclass
class Batch:
    """A batch of dialogues.

    `ids`, `targets` [B, T], `positions` [B, T, 3]
    `things` [B, T]: for a token of a picture STRIDE * picture + thing (0 for none), otherwise -1
    `letters` [B, T, 2]: first character with its middle in a token of a picture, and the one after the last
    `marks` [B, T, 3]: labels MARKS of each token
    `pictures`: by grid: indices in the pool, places [n, cells] among the B * T tokens, and the number of each picture
    in its dialogue
    `answers`: (row, first, last, turn); `asked`, `named`, `told`: (row, place, where it should look)
    """
    ids: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    things: np.ndarray
    letters: np.ndarray
    marks: np.ndarray
    pictures: dict
    answers: list
    asked: list
    named: list
    told: list


def encode(tokenizer, messages, references, system):
    """Encodes a dialogue in Qwen's template. Text is split at special tokens and pictures, as in llama.cpp."""
    sample, left = Sample(), list(references)
    names = 'im_start', 'im_end', 'vision_start', 'vision_end'
    start, end, opened, closed = ([tokenizer.special(name)] for name in names)
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
        answer(sample, tokenizer, message.turn)
        sample.text(end)
        sample.answers.append((begin, sample.length, message.turn))
        sample.text(tokenizer.encode('\n'))
    return sample


def question(sample, tokenizer, text, turn):
    ids, ends = tokens_of(tokenizer, text)
    for name, meant in turn.mentions:
        at = text.lower().rfind(name.lower())
        if at >= 0:
            place = int(np.searchsorted(ends, len(text[:at + len(name)].encode())))
            sample.mentions.append((sample.length + place, meant))
    sample.text(ids)


def answer(sample, tokenizer, turn):
    ids, ends = tokens_of(tokenizer, turn.answer)
    at = 0
    for before, part, meant in turn.told:
        found = turn.answer.index(before + part, at) + len(before)
        at = found + len(part)
        first, last = (int(np.searchsorted(ends, len(turn.answer[:end].encode()))) for end in (found + 1, at))
        sample.told += [(sample.length + place - 1, meant) for place in range(first, last + 1)]
    sample.text(ids)


def tokens_of(tokenizer, text):
    """@returns ids, and the byte offset in the text at which each ends"""
    ids = tokenizer.encode(text)
    return ids, np.cumsum([len(tokenizer.tokens[i]) for i in ids])


def random_sample(r, pictures, grids, tokenizer, single, budget):
    """Draws a dialogue.

    @param single whether it has only one picture, as at the start of training
    @param budget number of tokens after which no further turn begins
    """
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
    """Draws the same picture, or another one that has something in common with it."""
    if r.random() < 0.2: return reference
    keys = likeness(pictures.scenes[reference[0]][reference[1]])
    grid = r.choice(grids)
    found = pictures.alike.get((grid, r.choice(keys)))
    return (grid, r.choice(found)) if found else None


def batches(seed, worker, pictures, tokenizer, size, single, budget, start=0):
    """Yields batches endlessly, from number `start` on. Batches of a chunk share three grids and are sorted by length,
    so that batches with the same number have a similar length in all workers."""
    chunk_size, number = 6, start
    while True:
        chunk, within = divmod(number, chunk_size)
        if number == start or within == 0:
            common, own = random.Random(f'{seed}/{chunk}'), random.Random(f'{seed}/{chunk}/{worker}')
            grids = common.choices(pictures.grids, pictures.weights, k=3)
            order = common.sample(range(chunk_size), chunk_size)
            samples = sorted((random_sample(own, pictures, grids, tokenizer, single, budget)
                              for _ in range(size * chunk_size)), key=lambda sample: sample.length)
        yield collate(samples[order[within] * size:(order[within] + 1) * size], tokenizer, pictures)
        number += 1


def collate(samples, tokenizer, pool):
    rows, width = len(samples), max(sample.length for sample in samples)
    ids = np.full((rows, width), tokenizer.special('endoftext'), np.int64)
    targets, places = np.full((rows, width), IGNORED, np.int64), np.zeros((rows, width, 3), np.int64)
    things, letters = np.full((rows, width), -1, np.int64), np.zeros((rows, width, 2), np.int64)
    marks = np.zeros((rows, width, len(MARKS)), np.int64)
    pictures, answers, asked, named, told = {}, [], [], [], []
    for row, sample in enumerate(samples):
        at, counted, seen = 0, [], 0
        for part in sample.parts:
            if isinstance(part, tuple):
                grid, index = part
                length = grid[0] * grid[1]
                ids[row, at:at + length] = tokenizer.special('image_pad')
                pictures.setdefault(grid, []).append((index, row * width + at + np.arange(length), seen))
                things[row, at:at + length] = STRIDE * seen + pool.labels[grid]['thing'][index].reshape(-1)
                first = pool.labels[grid]['first'][index].reshape(-1)
                letters[row, at:at + length, 0] = first - 1
                count = (pool.labels[grid]['slots'][index] > 0).sum(-1).reshape(-1)
                letters[row, at:at + length, 1] = first - 1 + (first > 0) * count
                for number, name in enumerate(MARKS):
                    marks[row, at:at + length, number] = pool.labels[grid][name][index].reshape(-1)
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
        named += [(row, place, meant) for place, meant in sample.mentions]
        told += [(row, place, meant) for place, meant in sample.told]
    return Batch(ids, targets, places, things, letters, marks,
                 {grid: tuple(map(np.stack, zip(*items))) for grid, items in pictures.items()}, answers, asked, named,
                 told)


def pointers(batch, found):
    """@param found the batch's `asked`, `named` or `told`
    @returns rows, places, and which tokens of the row each refers to [n, T]
    """
    meant = np.zeros((len(found), batch.ids.shape[1]), bool)
    for mask, (row, _, focus) in zip(meant, found):
        things = batch.things[row]
        for picture, thing in focus:
            if thing is not None and thing >= 0: mask |= things == STRIDE * picture + thing + 1
            else:
                here = (things >= 0) & (things // STRIDE == picture)
                if thing is not None:
                    first, end = batch.letters[row, :, 0], batch.letters[row, :, 1]
                    here &= (first <= -1 - thing) & (-1 - thing < end)
                mask |= here
    return np.array([row for row, _, _ in found], np.int64), np.array([first for _, first, _ in found], np.int64), meant


def names(batch):
    """Labels of the names in questions.

    @returns rows, places, and labels [n] of what each name refers to: the `number` of things (at most 4), the number of
    the `picture`, and for a single `thing` its number in the picture's order and its MARKS. A label is IGNORED if it is
    ambiguous, or if the picture comes later.
    """
    labels = {name: np.full(len(batch.named), IGNORED, np.int64) for name in ('number', 'picture', 'thing', *MARKS)}
    rows, places, meant = pointers(batch, batch.named)
    for index, (row, place, focus) in enumerate(batch.named):
        seen = np.flatnonzero(batch.things[row, :place] >= 0) if not focus else np.flatnonzero(meant[index, :place])
        if not len(seen): continue
        things = [thing for _, thing in focus if thing is not None]
        if len(things) == len(focus): labels['number'][index] = min(4, len(things))
        if len({picture for picture, _ in focus}) == 1: labels['picture'][index] = focus[0][0]
        if len(focus) == len(things) == 1:
            labels['thing'][index] = things[0] + 1
            for name, mark in zip(MARKS, batch.marks[row, seen[0]]): labels[name][index] = mark
    return rows, places, labels
