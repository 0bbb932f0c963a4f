"""A turn of a dialogue, and names and descriptions of what pictures show, in English and Chinese."""
from dataclasses import dataclass

from phrases import a, listed, zh_colour, zh_shape
from world import Scene


@dataclass
class Shown:
    scene: Scene
    grid: tuple
    index: int = 0


@dataclass
class Turn:
    task: str
    question: str
    answer: str
    # in a turn about boxes: (number of the picture from 1, index of the thing)
    boxes: tuple = ()
    # where the answer is visible: (index of the picture, index of the thing); the thing is None for the whole picture,
    # and -1 - n for the n-th character
    focus: tuple = ()
    # names in the question: (name, what it refers to, as in `focus`)
    mentions: tuple = ()
    # parts of the answer in order: (text before it, the part, where it is read off, as in `focus`)
    told: tuple = ()
    # in a comparison of two pictures: whether they show the same, and whether their backgrounds have the same colour
    agree: tuple = ()


def one(values): return len(values) == 1


def at(shown, *things):
    return tuple((shown.index, next(i for i, other in enumerate(shown.scene.things) if other is thing))
                 for thing in things)


def last_of(question, *names):
    """The name that comes last in a question. "The square in picture 2" is ambiguous before its last word."""
    return max(filter(None, names), key=lambda name: question.lower().rfind(name.lower()))


def named(thing, things, zh, r=None):
    """An unambiguous name of a thing: its shape, with its colour if another thing has the same shape."""
    alone = one([other for other in things if other.shape == thing.shape])
    if zh:
        return (zh_shape(thing.shape) if alone and (r is None or r.random() < 0.7) else zh_colour(thing.colour) + '的'
                + zh_shape(thing.shape))
    return thing.shape if alone and (r is None or r.random() < 0.7) else f'{thing.colour} {thing.shape}'


def full(thing, zh):
    return f'{zh_colour(thing.colour)}的{zh_shape(thing.shape)}' if zh else f'{thing.colour} {thing.shape}'


def describe_scene(scene, zh):
    if zh:
        on = f'{zh_colour(scene.background)}背景上有'
        if scene.text: return f"{on}{zh_colour(scene.colour)}的{'数字' if scene.kind == 'number' else '单词'}{scene.text}"
        return on + listed([f'一个{full(thing, zh)}' for thing in scene.things], zh)
    on = f' on {a(scene.background)} background'
    if scene.text: return f'the {scene.kind} {scene.text} in {scene.colour}{on}'
    return listed([a(full(thing, zh)) for thing in scene.things], zh) + on


def told_scene(shown, zh):
    """The value of `Turn.told` for `describe_scene`."""
    if shown.scene.text:
        parts = spelled(shown, {'number': ('number ', '数字'), 'word': ('word ', '单词')}[shown.scene.kind][zh])
    else: parts = tuple(('', full(thing, zh), at(shown, thing)) for thing in shown.scene.things)
    return told_background(shown, zh) + parts if zh else parts + told_background(shown, zh, ' on ')


def told_background(shown, zh, before=''):
    colour = shown.scene.background
    return ((before, zh_colour(colour) if zh else a(colour) if before == ' on ' else colour, ((shown.index, None),)),)


def spelled(shown, before):
    return tuple(('' if index else before, character, ((shown.index, -1 - index),))
                 for index, character in enumerate(shown.scene.text))


def sentence(text, zh): return text + '。' if zh else text[0].upper() + text[1:] + '.'
