"""Draws an evaluation set: `python3 draw_examples.py FOLDER [NUMBER] [SEED]`.

It has NUMBER examples of each task and language, for `npm run eval -- demo --folder FOLDER` (docs/evaluation.md). All
printed words are absent from training.
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
from questions import about_one
from turns import Shown
from world import jpeg
from words import HELD_OUT

NUMBER, SEED = 40, 'evaluation'
TASKS = ['describe', 'colour', 'shape', 'which shape', 'count', 'exists', 'read number', 'read word', 'read nothing',
         'position', 'relation', 'size', 'json', 'boxes',
         'boxes of all', 'describe each', 'count pictures', 'nth picture', 'which picture', 'compare', 'follow-up',
         'small talk']


def expectation(turn, pictures):
    if turn.task.startswith('boxes') or turn.boxes:
        labels = [item['label'] for item in json.loads(turn.answer)]
        found = [pictures[picture - 1].scene.things[thing].box for picture, thing in turn.boxes]
        return {'boxes': [{'picture': picture, 'label': label, 'box': [round(side, 1) for side in box]}
                          for (picture, _), label, box in zip(turn.boxes, labels, found)]}
    return {'json': json.loads(turn.answer)} if turn.task == 'json' else {'exact': turn.answer}


class Examples:
    def __init__(self, folder, number, seed):
        self.folder, self.number, self.fonts = folder, number, world.fonts()
        self.r, self.pencil = random.Random(seed), random.Random(f'{seed}/pictures')
        self.have, self.examples = Counter(), []
        os.makedirs(f'{folder}/pictures', exist_ok=True)

    def wanted(self, turn, zh): return turn.question and turn.task in TASKS and self.have[turn.task, zh] < self.number

    def done(self): return all(self.have[task, zh] >= self.number for task in TASKS for zh in (False, True))

    def scene(self):
        while True:
            scene = world.random_scene(self.r, HELD_OUT)
            if scene.kind != 'word' or scene.text in HELD_OUT: return scene

    def try_one(self):
        r = self.r
        zh = r.random() < 0.5
        scenes = [self.scene() for _ in range(r.choices(range(5), [10, 50, 24, 10, 6])[0])]
        if len(scenes) == 2 and r.random() < 0.15: scenes[1] = scenes[0]
        pictures = [Shown(scene, grid_of(*scene.size), index) for index, scene in enumerate(scenes)]
        # Drawing is slow, so pictures are drawn only for tasks that need more examples. Drawing sets the boxes, so the
        # same question is asked once more.
        asking = r.getstate()
        if not self.wanted(self.ask(pictures, zh)[1], zh): return
        drawn = {id(scene): world.wear(self.pencil, world.draw(self.pencil, scene, self.fonts)) for scene in scenes}
        r.setstate(asking)
        (first, second), turn = self.ask(pictures, zh)
        turns = ([{'message': first.question or ('描述图片。' if zh else 'Describe the pictures.')},
                  {'message': second.question}] if second else [{'message': first.question}])
        turns[-1]['expect'] = expectation(turn, pictures)
        self.have[turn.task, zh] += 1
        language = 'zh' if zh else 'en'
        name = f'{turn.task.replace(" ", "-")}-{language}-{self.have[turn.task, zh]:02}'
        self.examples.append({'id': name, 'task': turn.task, 'language': language, 'turns': turns,
                              'pictures': [self.save(drawn[id(scene)], f'{name}-{i + 1}')
                                           for i, scene in enumerate(scenes)]})

    def ask(self, pictures, zh):
        """@returns (a turn, the next turn or None), and the last of them, which counts"""
        first = self.first(pictures, zh)
        second = follow_up(self.r, pictures, zh, first) if pictures and self.r.random() < 0.5 else None
        return (first, second), second or first

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
    place = lambda example: (TASKS.index(example['task']), example['language'], example['id'])
    order = sorted(examples.examples, key=place)
    with open(f'{folder}/examples.json', 'w') as file:
        json.dump({'description': f'Drawn by draw_examples.py, seed {seed!r}', 'examples': order}, file,
                  ensure_ascii=False, indent=1)
    print(f'{len(order)} examples in {folder}')


if __name__ == '__main__':
    draw_examples(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else NUMBER,
                  sys.argv[3] if len(sys.argv) > 3 else SEED)
