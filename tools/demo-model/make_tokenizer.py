"""Learns the vocabulary from questions and answers: `python3 make_tokenizer.py FOLDER`, the folder of the pool."""
import random
import sys
from collections import Counter

from dialogues import SYSTEM, dialogue
from phrases import ZH_UNITS
from pool import Pictures
from turns import Shown
from tokenizer import Tokenizer, learn
from words import LOOSE_EN, LOOSE_ZH

DIALOGUES, MERGES = 30_000, 1250


def texts(pictures, r):
    counts = Counter({'user\n': 20_000, 'assistant\n': 20_000, **{'system\n' + system: 200 for system in SYSTEM}})
    for word in LOOSE_EN: counts.update({word: 3, ' ' + word: 3})
    for word in LOOSE_ZH: counts[word] += 3
    for _ in range(DIALOGUES):
        def pick():
            grid = r.choices(pictures.grids, pictures.weights)[0]
            return Shown(r.choice(pictures.scenes[grid]), grid)
        shown = [pick() for _ in range(r.choices(range(5), [8, 42, 26, 14, 10])[0])]
        for index, item in enumerate(shown): item.index = index
        for message in dialogue(r, shown, r.random() < 0.42, 3, pick):
            counts.update((message.turn.question, ' ' + message.turn.question, message.turn.answer))
    return counts


def make(folder, seed=7):
    tokenizer = Tokenizer(learn(texts(Pictures(f'{folder}/pool', 0, 8), random.Random(seed)), MERGES, ZH_UNITS))
    tokenizer.save(f'{folder}/tokenizer.json')
    return tokenizer


if __name__ == '__main__': make(sys.argv[1])
