"""The evaluation set: `python3 draw_examples.py FOLDER [NUMBER] [SEED]` draws NUMBER examples of each task and language, as
`npm run eval -- demo --folder FOLDER` reads them (docs/evaluation.md). Words are those that training never shows.
"""
import json
import os
import random
import sys
from collections import Counter

import world
from dialogues import follow_up, without_picture
from comparisons import about_several, how_many
from prepare import grid_of
from questions import Shown, about_one
from world import jpeg
from words import HELD_OUT

NUMBER, SEED = 40, 'evaluation'
TASKS = ['describe', 'colour', 'shape', 'which shape', 'count', 'exists', 'read number', 'read word', 'read nothing', 'position', 'relation', 'size', 'json', 'boxes',
         'boxes of all', 'describe each', 'count pictures', 'nth picture', 'which picture', 'compare', 'follow-up', 'small talk']


def expectation(turn, pictures):
    if turn.task.startswith('boxes') or turn.boxes:
        labels = [item['label'] for item in json.loads(turn.answer)]
        found = [pictures[picture - 1].scene.things[thing].box for picture, thing in turn.boxes]
        return {'boxes': [{'picture': picture, 'label': label, 'box': [round(side, 1) for side in box]} for (picture, _), label, box in zip(turn.boxes, labels, found)]}
    return {'json': json.loads(turn.answer)} if turn.task == 'json' else {'exact': turn.answer}


class Examples:
    def __init__(self, folder, number, seed):
        self.folder, self.number, self.r, self.fonts = folder, number, random.Random(seed), world.fonts()
        self.have, self.examples = Counter(), []
        os.makedirs(f'{folder}/pictures', exist_ok=True)

    def wanted(self, task, zh): return task in TASKS and self.have[task, zh] < self.number

    def done(self): return all(self.have[task, zh] >= self.number for task in TASKS for zh in (False, True))

    def draw(self, index):
        """@returns a scene that is shown, with its picture"""
        scene = world.random_scene(self.r, HELD_OUT)
        if scene.kind == 'word' and scene.text not in HELD_OUT: return self.draw(index)
        picture = world.wear(self.r, world.draw(self.r, scene, self.fonts))
        return Shown(scene, grid_of(*picture.size), index), picture

    def try_one(self):
        r = self.r
        zh = r.random() < 0.5
        drawn = [self.draw(index) for index in range(r.choices(range(5), [10, 50, 24, 10, 6])[0])]
        if len(drawn) == 2 and r.random() < 0.15: drawn[1] = (Shown(drawn[0][0].scene, drawn[0][0].grid, 1), drawn[0][1])
        pictures = [shown for shown, _ in drawn]
        first = self.first(pictures, zh)
        second = follow_up(r, pictures, zh, first) if pictures and r.random() < 0.5 else None
        turn = second or first
        if not turn.question or not self.wanted(turn.task, zh): return
        turns = [{'message': first.question or ('描述图片。' if zh else 'Describe the pictures.')}, {'message': second.question}] if second else [{'message': first.question}]
        turns[-1]['expect'] = expectation(turn, pictures)
        self.have[turn.task, zh] += 1
        language = 'zh' if zh else 'en'
        name = f'{turn.task.replace(" ", "-")}-{language}-{self.have[turn.task, zh]:02}'
        self.examples.append({'id': name, 'task': turn.task, 'language': language, 'pictures': [self.save(picture, f'{name}-{i + 1}') for i, (_, picture) in enumerate(drawn)], 'turns': turns})

    def first(self, pictures, zh):
        if not pictures: return without_picture(self.r, zh)
        if self.r.random() < 0.06: return how_many(self.r, pictures, zh)
        return about_one(self.r, pictures[0], zh) if len(pictures) == 1 else about_several(self.r, pictures, zh)

    def save(self, picture, name):
        path = f'pictures/{name}.' + ('jpg' if self.r.random() < 0.3 else 'png')
        if path.endswith('jpg'):
            with open(f'{self.folder}/{path}', 'wb') as file: file.write(jpeg(picture, 90))
        else: picture.save(f'{self.folder}/{path}')
        return path


def draw_examples(folder, number=NUMBER, seed=SEED):
    examples = Examples(folder, number, seed)
    while not examples.done(): examples.try_one()
    order = sorted(examples.examples, key=lambda example: (TASKS.index(example['task']), example['language'], example['id']))
    with open(f'{folder}/examples.json', 'w') as file:
        json.dump({'description': f'Drawn by draw_examples.py, seed {seed!r}', 'examples': order}, file, ensure_ascii=False, indent=1)
    print(f'{len(order)} examples in {folder}')


if __name__ == '__main__': draw_examples(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else NUMBER, sys.argv[3] if len(sys.argv) > 3 else SEED)
