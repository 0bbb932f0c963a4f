"""Questions about several pictures. As in questions.py, a task returns a `Turn` or None."""
import phrases as say
from phrases import a, listed, zh_colour, zh_shape
from questions import boxes, colour_answer, told_colour, told_shape
from turns import Turn, at, describe_scene, last_of, one, sentence, spelled, told_background, told_scene
from world import COLOURS, SHAPES


def describe_all(r, pictures, zh):
    parts = [f'图{i + 1}：{describe_scene(shown.scene, zh)}。' if zh
             else f'Picture {i + 1}: {describe_scene(shown.scene, zh)}.' for i, shown in enumerate(pictures)]
    return Turn('describe each', say.ask(r, 'describe all', zh), ('' if zh else ' ').join(parts),
                told=sum((told_scene(shown, zh) for shown in pictures), ()))


def how_many(r, pictures, zh):
    number = len(pictures)
    noun = 'picture' if number == 1 else 'pictures'
    return Turn('count pictures', say.ask(r, 'how many pictures', zh),
                f'您发送了{"一" if number == 1 else say.ZH_NUMBERS[number]}张图片。' if zh
                else f'You sent {say.NUMBERS[number]} {noun}.')


def about_nth(r, pictures, zh):
    index = r.randrange(len(pictures))
    scene, name, whole = pictures[index].scene, say.picture_name(r, index, zh), ((index, None),)
    way = r.random()
    if way < 0.2 and scene.text:
        what = ('数字' if scene.kind == 'number' else '单词') if zh else scene.kind
        return Turn('nth picture', say.ask(r, 'read in', zh, x=what, p=name),
                    say.FOUND[scene.kind][zh].format(scene.text), focus=whole, mentions=((name, whole),),
                    told=spelled(pictures[index], say.FOUND[scene.kind][zh].partition('{')[0]))
    if way < 0.45 and scene.things:
        thing = r.choice(scene.things)
        if not one([other for other in scene.things if other.shape == thing.shape]): return None
        what, here = zh_shape(thing.shape) if zh else thing.shape, at(pictures[index], thing)
        question = say.ask(r, 'colour in', zh, x=what, p=name)
        mentions = ((name, here),) if last_of(question, what, name) == name else ((name, whole), (what, here))
        return Turn('nth picture', question, colour_answer(thing, zh), focus=here, mentions=mentions,
                    told=told_colour(pictures[index], thing, zh))
    if way < 0.6 and scene.things:
        answer = say.how_many(len(scene.things), '图形' if zh else 'shape', zh)
        return Turn('nth picture', say.ask(r, 'count in', zh, p=name), answer, focus=whole, mentions=((name, whole),))
    return Turn('nth picture', say.ask(r, 'in picture', zh, p=name), sentence(describe_scene(scene, zh), zh),
                focus=whole, mentions=((name, whole),), told=told_scene(pictures[index], zh))


def box_in(r, pictures, zh):
    index = r.randrange(len(pictures))
    return boxes(r, pictures[index], zh, say.picture_name(r, index, zh))


def where(found, what, zh):
    if zh: return f"{what}在{'和'.join(f'图{i + 1}' for i in found)}里。" if found else f'{what}不在任何图里。'
    if not found: return f'The {what} is in no picture.'
    return f"The {what} is in picture{'s' if len(found) > 1 else ''} {listed([str(i + 1) for i in found], zh)}."


def which_picture(r, pictures, zh):
    things = [thing for shown in pictures for thing in shown.scene.things]
    kind, tone = r.choice(SHAPES), None
    if things and r.random() < 0.9:
        thing = r.choice(things)
        kind, tone = thing.shape, thing.colour if r.random() < 0.5 else None
        if tone and r.random() < 0.08: tone = r.choice(COLOURS)
    found = [i for i, shown in enumerate(pictures)
             if any(thing.shape == kind and tone in (None, thing.colour) for thing in shown.scene.things)]
    if len(found) > 2: return None
    focus = tuple((i, k) for i in found for k, thing in enumerate(pictures[i].scene.things)
                  if thing.shape == kind and tone in (None, thing.colour))
    what = ((f'{zh_colour(tone)}的{zh_shape(kind)}' if tone else zh_shape(kind)) if zh else f'{tone} {kind}' if tone
            else kind)
    return Turn('which picture', say.ask(r, 'which picture', zh, x=what, a=a(what)), where(found, what, zh),
                focus=focus, mentions=((what, focus),),
                told=tuple(('', str(i + 1), tuple(place for place in focus if place[0] == i)) for i in found))


def which_picture_text(r, pictures, zh):
    texts = [i for i, shown in enumerate(pictures) if shown.scene.text]
    if not texts: return None
    index = r.choice(texts)
    scene = pictures[index].scene
    same = [i for i, shown in enumerate(pictures) if shown.scene.text == scene.text]
    what = ('数字' if scene.kind == 'number' else '单词') if zh else scene.kind
    alone = one([i for i in texts if pictures[i].scene.kind == scene.kind])
    if alone and r.random() < 0.4:
        same, name, question, text = [index], what, say.ask(r, 'which picture', zh, x=what, a=a(what)), what
    else:
        name, question, text = (scene.text, say.ask(r, 'which picture number', zh, x=what, t=scene.text),
                                what + scene.text if zh else f'{what} {scene.text}')
    focus = tuple((i, None) for i in same)
    return Turn('which picture', question, where(same, text, zh), focus=focus, mentions=((name, focus),),
                told=(('图' if zh else 'picture ', str(same[0] + 1), focus),) if one(same) else ())


def most_shapes(r, pictures, zh):
    numbers = [len(shown.scene.things) for shown in pictures]
    most = r.random() < 0.5
    wanted = max(numbers) if most else min(numbers)
    if numbers.count(wanted) != 1: return None
    index = numbers.index(wanted)
    word = ('most' if most else 'fewest') if len(pictures) > 2 else ('more' if most else 'fewer')
    return Turn('compare', say.ask(r, 'most' if most else 'fewest', zh),
                f'图{index + 1}的图形{"最" if len(pictures) > 2 else "更"}{"多" if most else "少"}。' if zh
                else f'Picture {index + 1} has {"the " if len(pictures) > 2 else ""}{word} shapes.',
                told=(('', str(index + 1), ((index, None),)),))


def content(scene):
    return scene.background, scene.text, scene.colour, tuple((thing.shape, thing.colour) for thing in scene.things)


def agree(pictures):
    """The value of `Turn.agree` for two pictures."""
    one_scene, other = (shown.scene for shown in pictures)
    return content(one_scene) == content(other), one_scene.background == other.background


def same(r, pictures, zh):
    if len(pictures) != 2: return None
    agreement = agree(pictures)
    equal, _ = agreement
    if not equal and r.random() < 0.6: return None
    return Turn('compare', say.ask(r, 'same', zh), ('是的，两张图一样。' if equal else '不，两张图不一样。') if zh
                else 'Yes, the pictures are the same.' if equal else 'No, the pictures are different.', agree=agreement)


def same_background(r, pictures, zh):
    if len(pictures) != 2: return None
    one_colour, other = (shown.scene.background for shown in pictures)
    if one_colour == other:
        answer = f'是的，两张图的背景都是{zh_colour(other)}的。' if zh else f'Yes, both backgrounds are {other}.'
        told = (('', zh_colour(other) if zh else other, tuple((shown.index, None) for shown in pictures)),)
    else:
        answer = (f'不，图1是{zh_colour(one_colour)}，图2是{zh_colour(other)}。' if zh
                  else f'No, picture 1 is {one_colour}, picture 2 is {other}.')
        told = told_background(pictures[0], zh) + told_background(pictures[1], zh)
    return Turn('compare', say.ask(r, 'same colour', zh), answer, told=told, agree=agree(pictures))


def differ(r, pictures, zh):
    if len(pictures) != 2: return None
    answer, told = difference(*pictures, zh)
    return Turn('compare', say.ask(r, 'differ', zh), answer, told=told, agree=agree(pictures))


def difference(one_picture, other, zh):
    """@returns the answer, and the places from which its parts are read off"""
    first, second = one_picture.scene, other.scene
    if content(first) == content(second):
        return (f'两张图片一样：{describe_scene(first, zh)}。' if zh
                else f'Both pictures show the same: {describe_scene(first, zh)}.', told_scene(one_picture, zh))
    if one(first.things) and one(second.things):
        (left,), (right,) = first.things, second.things
        told = sum((part(one_picture, left, zh) + part(other, right, zh)
                    for part, differs_in in ((told_shape, left.shape != right.shape),
                                             (told_colour, left.colour != right.colour)) if differs_in), ())
        if first.background != second.background: told += told_background(one_picture, zh) + told_background(other, zh)
        pairs = [('形状' if zh else 'shape', *(zh_shape(thing.shape) if zh else thing.shape for thing in (left, right))),
                 ('颜色' if zh else 'colour', *(zh_colour(thing.colour) if zh else thing.colour
                                              for thing in (left, right))),
                 ('背景' if zh else 'background', *(zh_colour(scene.background) if zh else scene.background
                                                  for scene in (first, second)))]
        return ('' if zh else ' ').join(differs(*pair, zh) for pair in pairs if pair[1] != pair[2]), told
    if first.kind == second.kind == 'number' and (first.colour, first.background) == (second.colour, second.background):
        return (differs('数字' if zh else 'number', first.text, second.text, zh),
                spelled(one_picture, '图1是' if zh else ': ') + spelled(other, '图2是' if zh else ', '))
    told = told_scene(one_picture, zh) + told_scene(other, zh)
    if zh: return f'图1：{describe_scene(first, zh)}。图2：{describe_scene(second, zh)}。', told
    return f'Picture 1 shows {describe_scene(first, zh)}, picture 2 shows {describe_scene(second, zh)}.', told


def differs(what, left, right, zh):
    return (f'{what}不同：图1是{left}，图2是{right}。' if zh
            else f'The {what} differs: {left} in picture 1, {right} in picture 2.')


SEVERAL = {describe_all: 14, how_many: 3, about_nth: 22, box_in: 8, which_picture: 20, which_picture_text: 7,
           most_shapes: 8, same: 8, same_background: 8, differ: 14}


def about_several(r, pictures, zh):
    while True:
        task = r.choices(list(SEVERAL), list(SEVERAL.values()))[0]
        turn = task(r, pictures, zh)
        if turn: return turn
