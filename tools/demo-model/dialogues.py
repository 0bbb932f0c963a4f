"""Conversations of several turns about no, one or several pictures."""
from dataclasses import dataclass

import phrases as say
from comparisons import about_several, how_many
from phrases import zh_shape
from prepare import boxes_of
from questions import about_one, box_json, colour_answer, side, told_box, told_colour
from turns import Turn, at, describe_scene, sentence, told_scene
from words import LOOSE_EN, LOOSE_ZH

SYSTEM = ['You are a helpful assistant.'] * 12 + [
    'You are a helpful assistant that sees pictures.', 'Answer questions about pictures.', 'Be brief.',
    'You are a friendly assistant.',
    'You are a helpful assistant. Answer in the language of the question.', '你是一个乐于助人的助手。', '请简短回答。',
    'Answer precisely.']

# marks the place of a picture in the text of a message
PICTURE = '\0'


@dataclass
class Message:
    """A question of the user with its turn. `text` contains `PICTURE` at the places of the pictures."""
    text: str
    pictures: int
    turn: Turn
    zh: bool


def dialogue(r, pictures, zh, turns, more=lambda: None):
    """Draws a dialogue.

    @param pictures the `Shown` of the first message
    @param more returns a `Shown` that the user adds later, or None
    """
    pictures, messages, last = list(pictures), [], None
    sent = 0
    for number in range(turns):
        if number and r.random() < 0.12: zh = not zh
        added = more() if number and len(pictures) < 4 and r.random() < (0.12 if pictures else 0.3) else None
        if added:
            added.index = len(pictures)
            pictures.append(added)
        turn = next_turn(r, pictures, zh, last, bool(added) and len(pictures) > 1)
        fresh = len(pictures) - sent
        if not turn.question and not fresh: turn.question = '描述图片。' if zh else 'Describe it.'
        messages.append(Message(message_text(r, turn.question, fresh, sent), fresh, turn, zh))
        sent, last = len(pictures), turn
    return messages


def next_turn(r, pictures, zh, last, added):
    if not pictures: return without_picture(r, zh)
    if added and r.random() < 0.6:
        return Turn('follow-up', say.ask(r, 'this one', zh), sentence(describe_scene(pictures[-1].scene, zh), zh),
                    focus=((len(pictures) - 1, None),), told=told_scene(pictures[-1], zh))
    if last and r.random() < 0.03: return small_talk(r, zh, ['hello', 'who', 'thanks', 'bye', 'photo'])
    if last and not added and r.random() < 0.25:
        turn = follow_up(r, pictures, zh, last)
        if turn: return turn
    if r.random() < 0.02: return nonsense(r, zh)
    if len(pictures) > 1: return about_several(r, pictures, zh)
    return how_many(r, pictures, zh) if r.random() < 0.03 else about_one(r, pictures[0], zh)


def follow_up(r, pictures, zh, last):
    """A question that repeats the one before for another thing or picture."""
    if len(pictures) > 1:
        if last.task != 'nth picture' or 'colour' in last.question or '颜色' in last.question: return None
        if not (last.answer.startswith('A') or '背景上' in last.answer): return None
        index = r.randrange(len(pictures))
        name, whole = say.picture_name(r, index, zh), ((index, None),)
        return Turn('follow-up', say.ask(r, 'and in', zh, p=name), sentence(describe_scene(pictures[index].scene, zh),
            zh), focus=whole, mentions=((name, whole),),
                    told=told_scene(pictures[index], zh))
    things = pictures[0].scene.things
    if last.task == 'shape' and things:
        return Turn('follow-up', say.ask(r, 'its colour', zh), colour_answer(things[0], zh),
                    told=told_colour(pictures[0], things[0], zh))
    if len(things) < 2: return None
    thing = r.choice(things)
    if sum(other.shape == thing.shape for other in things) > 1: return None
    name = zh_shape(thing.shape) if zh else thing.shape
    question, where = say.ask(r, 'and the', zh, x=name), at(pictures[0], thing)
    if last.task == 'colour' and 'ackground' not in last.answer and '背景' not in last.answer:
        return Turn('follow-up', question, colour_answer(thing, zh), focus=where, mentions=((name, where),),
                    told=told_colour(pictures[0], thing, zh))
    if last.task == 'position' and any(f' is {place[0]}.' in last.answer or f'在{place[1]}。' in last.answer
                                       for place in say.PLACES.values()) and not last.answer.startswith('The '
        + thing.colour):
        scene = pictures[0].scene
        across, down = side(thing.x / scene.size[0]), side(thing.y / scene.size[1])
        if across is None or down is None: return None
        place = say.PLACES[down, across][zh]
        return Turn('follow-up', question, f'{name}在{place}。' if zh else f'The {name} is {place}.', focus=where,
                    mentions=((name, where),))
    if last.task == 'boxes':
        found = boxes_of(pictures[0].scene, pictures[0].grid)[things.index(thing)]
        return Turn('follow-up', question, f'[{box_json(found, thing.shape)}]', ((1, things.index(thing)),),
                    where, ((name, where),),
                    told_box(pictures[0], thing, found, thing.shape))
    return None


def small_talk(r, zh, kinds):
    kind = r.choice(kinds)
    return Turn('small talk', say.ask(r, kind, zh), say.SMALL_TALK[kind][zh])


def nonsense(r, zh):
    """Random words, which the model must refuse with or without a picture."""
    if zh: text = ''.join(r.choice(LOOSE_ZH) for _ in range(r.randint(2, 8))) + r.choice(['', '。', '？'])
    else:
        text = ' '.join(r.choice(LOOSE_EN) for _ in range(r.randint(2, 9))) + r.choice(['', '.', '?', '?'])
        if r.random() < 0.7: text = text[0].upper() + text[1:]
    return Turn('small talk', text, say.SMALL_TALK['cannot'][zh])


NEEDS_PICTURE = ['describe', 'background', 'shape', 'count', 'number', 'word', 'text', 'json', 'boxes', 'describe all',
                 'differ', 'same', 'its colour']


def without_picture(r, zh):
    way = r.random()
    if way < 0.55: return small_talk(r, zh, ['hello', 'who', 'who', 'thanks', 'bye', 'photo'])
    if way < 0.62:
        return Turn('small talk', say.ask(r, 'how many pictures', zh), '您没有发送图片。' if zh else 'You sent no picture.')
    if way < 0.82:
        while True:
            question = say.ask(r, r.choice(NEEDS_PICTURE), zh)
            if question: return Turn('small talk', question, say.SMALL_TALK['no picture'][zh])
    return nonsense(r, zh)


def message_text(r, question, fresh, before):
    """Puts pictures before the text, as the service does, and sometimes after it or with labels."""
    if not fresh: return question
    way, apart = r.random(), r.choice(['', '', '\n', ' '])
    if not question: return apart.join([PICTURE] * fresh)
    if way < 0.8: return apart.join([PICTURE] * fresh) + r.choice(['', '', '\n', ' ']) + question
    if way < 0.9: return question + r.choice(['', '\n', ' ']) + apart.join([PICTURE] * fresh)
    label = r.choice(['Picture {}: ', 'Image {}: ', 'Picture {}:', '图{}：', 'Picture {}:\n'])
    return (''.join(label.format(before + i + 1) + PICTURE + r.choice(['', '\n']) for i in range(fresh))
            + r.choice(['', '\n']) + question)
