"""Questions about one picture with their only right answer, in English and Chinese.

A task is a function of a random generator, a picture (`Shown`: a scene and its grid of tokens) and the language. It
returns a `Turn`, or None if the answer would be ambiguous.
"""
import phrases as say
from phrases import a, zh_colour, zh_shape
from prepare import boxes_of
from turns import Turn, at, describe_scene, full, last_of, named, one, sentence, spelled, told_scene
from world import COLOURS, SHAPES


def describe(r, shown, zh):
    return Turn('describe', say.ask(r, 'describe' if r.random() < 0.88 else 'describe all', zh),
                sentence(describe_scene(shown.scene, zh), zh), told=told_scene(shown, zh))


def background(r, shown, zh):
    colour = shown.scene.background
    return Turn('colour', say.ask(r, 'background', zh), f'背景是{zh_colour(colour)}的。' if zh
                else f'The background is {colour}.')


def colour(r, shown, zh):
    scene = shown.scene
    if scene.text:
        what = ('数字' if scene.kind == 'number' else '单词') if zh else scene.kind
        return Turn('colour', say.ask(r, 'colour', zh, x=what), f'{what}是{zh_colour(scene.colour)}的。' if zh
                    else f'The {what} is {scene.colour}.')
    thing = r.choice(scene.things)
    if not one([other for other in scene.things if other.shape == thing.shape]): return None
    name = zh_shape(thing.shape) if zh else thing.shape
    question = say.ask(r, 'colour', zh, x=name)
    if one(scene.things) and r.random() < 0.4: question = say.ask(r, 'its colour', zh)
    return Turn('colour', question, colour_answer(thing, zh), focus=at(shown, thing),
                mentions=((name, at(shown, thing)),), told=told_colour(shown, thing, zh))


def colour_answer(thing, zh):
    return f'{zh_shape(thing.shape)}是{zh_colour(thing.colour)}的。' if zh else f'The {thing.shape} is {thing.colour}.'


def told_colour(shown, thing, zh): return (('', zh_colour(thing.colour) if zh else thing.colour, at(shown, thing)),)


def told_shape(shown, thing, zh): return (('', zh_shape(thing.shape) if zh else thing.shape, at(shown, thing)),)


def shape(r, shown, zh):
    things = shown.scene.things
    if not one(things): return None
    return Turn('shape', say.ask(r, 'shape', zh), f'这是一个{zh_shape(things[0].shape)}。' if zh
                else f'It is {a(things[0].shape)}.', told=told_shape(shown, things[0], zh))


def shape_of_colour(r, shown, zh):
    things = shown.scene.things
    if not things: return None
    thing = r.choice(things)
    if not one([other for other in things if other.colour == thing.colour]): return None
    return Turn('which shape', say.ask(r, 'which shape', zh, c=zh_colour(thing.colour) if zh else thing.colour),
                f'{zh_colour(thing.colour)}的是{zh_shape(thing.shape)}。' if zh
                else f'The {thing.colour} shape is {a(thing.shape)}.', focus=at(shown, thing),
                mentions=((zh_colour(thing.colour) if zh else thing.colour, at(shown, thing)),),
                told=told_shape(shown, thing, zh))


def count(r, shown, zh):
    scene = shown.scene
    if scene.text:
        return Turn('count', say.ask(r, 'count', zh), f"没有图形，只有{'数字' if scene.kind == 'number' else '单词'}。" if zh
                    else f'There are no shapes, only a {scene.kind}.')
    way = r.random()
    if way < 0.5:
        return Turn('count', say.ask(r, 'count', zh), say.how_many(len(scene.things), '图形' if zh else 'shape', zh))
    if way < 0.78:
        kind = r.choice([thing.shape for thing in scene.things]) if r.random() < 0.8 else r.choice(SHAPES)
        found, what = [thing for thing in scene.things if thing.shape == kind], zh_shape(kind) if zh else kind
        return Turn('count', say.ask(r, 'count of', zh, x=what if zh else say.plural(kind)),
                    say.how_many(len(found), what, zh), mentions=((what, at(shown, *found)),))
    tone = r.choice([thing.colour for thing in scene.things]) if r.random() < 0.85 else r.choice(COLOURS)
    found = [thing for thing in scene.things if thing.colour == tone]
    what = f'{zh_colour(tone)}的图形' if zh else f'{tone} shape'
    return Turn('count', say.ask(r, 'count of', zh, x=what if zh else what + 's'), say.how_many(len(found), what, zh),
                mentions=((what, at(shown, *found)),))


def exists(r, shown, zh):
    things = shown.scene.things
    if things and r.random() < 0.35:
        thing = r.choice(things)
        tone, kind = ((thing.colour, thing.shape) if r.random() < 0.55 else (r.choice(COLOURS), thing.shape)
                      if r.random() < 0.6 else (thing.colour, r.choice(SHAPES)))
        there = [other for other in things if (other.colour, other.shape) == (tone, kind)]
        what = f'{zh_colour(tone)}的{zh_shape(kind)}' if zh else f'{tone} {kind}'
    else:
        kind = r.choice(things).shape if things and r.random() < 0.5 else r.choice(SHAPES)
        there = [other for other in things if other.shape == kind]
        what = zh_shape(kind) if zh else kind
    answer = ((f'是的，有{what}。' if there else f'没有{what}。') if zh else f'Yes, there is {a(what)}.' if there
              else f'No, there is no {what}.')
    return Turn('exists', say.ask(r, 'exists', zh, x=what, a=a(what)), answer, mentions=((what, at(shown, *there)),))


def read(r, shown, zh):
    scene, way = shown.scene, r.choice(['number', 'word', 'text'])
    if not scene.text and r.random() < 0.7: return None
    if scene.text and way != 'text': way = scene.kind if r.random() < 0.9 else way
    question = say.ask(r, way, zh)
    task = 'read number' if scene.kind == 'number' else 'read word'
    if way == 'text': found = scene.text
    else: found = scene.text if scene.kind == way else ''
    if not found: return Turn('read nothing', question, say.NOTHING[way][zh])
    return Turn(task, question, say.FOUND[way][zh].format(found),
                told=spelled(shown, say.FOUND[way][zh].partition('{')[0]))


# ---------------------------------------------------------------- where and how large

def side(value, low=0.4, high=0.6, margin=0.04):
    """-1, 0 or 1 for the first part, the middle or the last; None near a border between two."""
    if abs(value - low) < margin or abs(value - high) < margin: return None
    return -1 if value < low else 1 if value > high else 0


def position(r, shown, zh):
    scene = shown.scene
    if not scene.things: return None
    thing = r.choice(scene.things)
    across, down = side(thing.x / scene.size[0]), side(thing.y / scene.size[1])
    if across is None or down is None: return None
    name, place = named(thing, scene.things, zh, r), say.PLACES[down, across][zh]
    return Turn('position', say.ask(r, 'position', zh, x=name), f'{name}在{place}。' if zh else f'The {name} is {place}.',
                focus=at(shown, thing), mentions=((name, at(shown, thing)),))


EDGES = {'left': (lambda thing: thing.x, 0), 'right': (lambda thing: -thing.x, 0), 'top': (lambda thing: thing.y, 1),
         'bottom': (lambda thing: -thing.y, 1)}


def extreme(r, shown, zh):
    """The thing that is furthest to a side by at least a tenth of the picture."""
    scene = shown.scene
    if len(scene.things) < 2: return None
    edge = r.choice(list(EDGES))
    key, axis = EDGES[edge]
    first, second = sorted(scene.things, key=key)[:2]
    if abs(key(first) - key(second)) < 0.1 * scene.size[axis]: return None
    where = say.EDGE_NAMES[edge][zh]
    return Turn('position', say.ask(r, 'extreme', zh, x=where, s=edge), f'{where}是一个{full(first, zh)}。' if zh
                else f'The {full(first, zh)} is {where}.', focus=at(shown, first),
                told=(('', full(first, zh), at(shown, first)),))


RELATIONS = {'left of': (0, 1), 'right of': (0, -1), 'above': (1, 1), 'below': (1, -1)}


def relation(r, shown, zh):
    """Whether one thing is left of, right of, above or below another, by at least a seventh of the picture."""
    scene = shown.scene
    if len(scene.things) < 2: return None
    one_thing, other = r.sample(scene.things, 2)
    way = r.choice(list(RELATIONS))
    axis, sign = RELATIONS[way]
    distance = (other.y - one_thing.y, scene.size[1]) if axis else (other.x - one_thing.x, scene.size[0])
    if abs(distance[0]) < 0.14 * distance[1]: return None
    x, y = named(one_thing, scene.things, zh, r), named(other, scene.things, zh, r)
    holds, how = distance[0] * sign > 0, say.RELATION_NAMES[way][zh]
    answer = ('是的。' if holds else '不是。') if zh else 'Yes, it is.' if holds else 'No, it is not.'
    return Turn('relation', say.ask(r, 'relation', zh, x=x, y=y, w=how), answer, focus=at(shown, one_thing, other),
                mentions=((x, at(shown, one_thing)), (y, at(shown, other))))


def beside(r, shown, zh):
    """The thing that is clearly left of (right of, above, below) another, if it is the only one."""
    scene = shown.scene
    if len(scene.things) not in (2, 3): return None
    thing, way = r.choice(scene.things), r.choice(list(RELATIONS))
    axis, sign = RELATIONS[way]
    distances = [((thing.y - other.y) / scene.size[1] if axis else (thing.x - other.x) / scene.size[0]) * sign
                 for other in scene.things if other is not thing]
    if any(abs(distance) < 0.14 for distance in distances) or sum(distance > 0 for distance in distances) != 1:
        return None
    found = [other for other in scene.things
             if other is not thing][[distance > 0 for distance in distances].index(True)]
    x, how = named(thing, scene.things, zh, r), say.RELATION_NAMES[way][zh]
    return Turn('relation', say.ask(r, 'beside', zh, x=x, w=how), f'{x}的{how}是一个{full(found, zh)}。' if zh
                else f'The {full(found, zh)} is {how} the {x}.', focus=at(shown, found),
                mentions=((x, at(shown, thing)),), told=(('是一个' if zh else '', full(found, zh), at(shown, found)),))


def size(r, shown, zh):
    """The largest or smallest thing, if its radius differs by a third from the next."""
    scene = shown.scene
    if len(scene.things) < 2: return None
    largest = r.random() < 0.5
    first, second = sorted(scene.things, key=lambda thing: -thing.radius if largest else thing.radius)[:2]
    if max(first.radius, second.radius) < 1.33 * min(first.radius, second.radius): return None
    word = ('largest' if largest else 'smallest') if len(scene.things) > 2 else ('larger' if largest else 'smaller')
    asked = (('最大' if largest else '最小') if zh else word if r.random() < 0.8
             else {'largest': 'biggest', 'larger': 'bigger'}.get(word, word))
    return Turn('size', say.ask(r, 'size', zh, x=asked), f"{asked}的是{full(first, zh)}。" if zh
                else f"The {full(first, zh)} is {'the ' if len(scene.things) > 2 else ''}{word}.",
                focus=at(shown, first), told=(('', full(first, zh), at(shown, first)),))


# ---------------------------------------------------------------- JSON

def text_json(scene): return ('number', scene.text) if scene.kind == 'number' else ('word', scene.text)


def json_things(r, shown, zh):
    scene = shown.scene
    if scene.text:
        key, value = text_json(scene)
        return Turn('json', say.ask(r, 'json', zh), f'{{"{key}":"{value}","color":"{scene.colour}"}}',
                    told=spelled(shown, f'"{key}":"'))
    turned = r.random() < 0.4
    keys = ('color', 'shape') if turned else ('shape', 'color')
    objects = ['{' + ','.join(f'"{key}":"{thing.shape if key == "shape" else thing.colour}"' for key in keys) + '}'
               for thing in scene.things]
    question = say.ask(r, 'json of', zh, x=keys[0], y=keys[1]) if turned or r.random() < 0.5 else say.ask(r, 'json', zh)
    told = tuple(('', getattr(thing, 'colour' if key == 'color' else key), at(shown, thing)) for thing in scene.things
                 for key in keys)
    return Turn('json', question, objects[0] if one(objects) else '[' + ','.join(objects) + ']', told=told)


def json_key(r, shown, zh):
    """JSON with the key that the question names."""
    scene, told = shown.scene, ()
    key = r.choice(['count', 'background', 'shapes', 'colors', 'text', 'number', 'word'])
    if key in ('text', 'number', 'word'):
        if not scene.text or key != 'text' and key != scene.kind: return None
        value, told = f'"{scene.text}"', spelled(shown, f'"{key}":"')
    elif key == 'background': value = f'"{scene.background}"'
    elif scene.text: return None
    elif key == 'count': value = str(len(scene.things))
    else:
        names = [thing.shape if key == 'shapes' else thing.colour for thing in scene.things]
        value, told = ('[' + ','.join(f'"{name}"' for name in names) + ']',
                       tuple(('"', name, at(shown, thing)) for name, thing in zip(names, scene.things)))
    return Turn('json', say.ask(r, 'json key', zh, k=key), f'{{"{key}":{value}}}', told=told)


# ---------------------------------------------------------------- boxes

def box_json(box, label): return f'{{"bbox_2d":[{",".join(map(str, box))}],"label":"{label}"}}'


def told_box(shown, thing, box, label):
    return (('[', ','.join(map(str, box)), at(shown, thing)), ('', label, at(shown, thing)))


def boxes(r, shown, zh, where=''):
    """@param where the name of the picture if there are several"""
    scene = shown.scene
    if not scene.things: return None
    found = boxes_of(scene, shown.grid)
    if r.random() < 0.4 and not where:
        answer = '[' + ','.join(box_json(box, full(thing, False)) for box, thing in zip(found, scene.things)) + ']'
        told = sum((told_box(shown, thing, box, full(thing, False)) for box, thing in zip(found, scene.things)), ())
        return Turn('boxes of all', say.ask(r, 'boxes', zh), answer,
                    tuple((shown.index + 1, index) for index in range(len(found))), told=told)
    index = r.randrange(len(found))
    name = named(scene.things[index], scene.things, False, r)
    spoken = zh_spoken(name) if zh else name
    question = say.ask(r, 'box in', zh, x=spoken, p=where) if where else say.ask(r, 'box', zh, x=spoken)
    return Turn('boxes', question, f'[{box_json(found[index], name)}]', ((shown.index + 1, index),),
                ((shown.index, index),), ((last_of(question, spoken, where), ((shown.index, index),)),),
                told_box(shown, scene.things[index], found[index], name))


def zh_spoken(name): return '的'.join(zh_colour(word) if word in COLOURS else zh_shape(word) for word in name.split())


SINGLE = {describe: 12, background: 3, colour: 9, shape: 4, shape_of_colour: 14, count: 10, exists: 8, read: 20,
          position: 14, extreme: 12, relation: 32, beside: 18,
          size: 24, json_things: 6, json_key: 6, boxes: 15}


def about_one(r, shown, zh):
    while True:
        task = r.choices(list(SINGLE), list(SINGLE.values()))[0]
        turn = task(r, shown, zh)
        if turn: return turn
