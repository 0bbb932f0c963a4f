"""Phrases of questions and answers, in English and Chinese. `{p}` means a picture; the task sets the other letters."""

ZH_SHAPES = {'circle': '圆形', 'square': '正方形', 'triangle': '三角形', 'star': '星形', 'cross': '十字', 'heart': '心形'}
ZH_COLOURS = {'red': '红色', 'orange': '橙色', 'yellow': '黄色', 'green': '绿色', 'blue': '蓝色', 'purple': '紫色', 'pink': '粉色',
              'brown': '棕色', 'black': '黑色',
              'white': '白色', 'gray': '灰色'}
# Chinese words that become single tokens
ZH_UNITS = [*ZH_SHAPES.values(), *ZH_COLOURS.values(),
            *'背景上有 背景 一个 图片 图形 数字 单词 文字 颜色 形状 什么 没有 两张图 左上角 右上角 左下角 右下角 左边 右边 上面 下面 上方 下方 中间'.split()]
NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six']
ZH_NUMBERS = ['零', '一', '两', '三', '四', '五', '六']
ORDINALS = ['first', 'second', 'third', 'fourth']
ZH_ORDINALS = ['第一张', '第二张', '第三张', '第四张']


def zh_shape(name): return ZH_SHAPES[name]


def zh_colour(name): return ZH_COLOURS[name]


def a(noun): return ('an ' if noun[0] in 'aeiou' else 'a ') + noun


def plural(noun): return noun + ('es' if noun.endswith('s') else 's')


def listed(items, zh):
    if len(items) == 1: return items[0]
    return '、'.join(items[:-1]) + '和' + items[-1] if zh else ', '.join(items[:-1]) + ' and ' + items[-1]


def how_many(number, what, zh):
    if zh: return f'有{ZH_NUMBERS[number]}个{what}。' if number else f'没有{what}。'
    if number == 0: return f'There are no {plural(what)}.'
    return f'There is one {what}.' if number == 1 else f'There are {NUMBERS[number]} {plural(what)}.'


NOTHING = {'number': ('There is no number in the picture.', '图中没有数字。'), 'word': ('There is no word in the picture.',
    '图中没有单词。'),
           'text': ('There is no text in the picture.', '图中没有文字。')}
FOUND = {'number': ('The number is {}.', '数字是{}。'), 'word': ('The word is {}.', '单词是{}。'),
         'text': ('It says {}.', '写的是{}。')}

PLACES = {
    (-1, -1): ('at the top left', '左上角'), (-1, 0): ('at the top', '上方'), (-1, 1): ('at the top right', '右上角'),
    (0, -1): ('on the left', '左边'), (0, 0): ('in the middle', '中间'), (0, 1): ('on the right', '右边'),
    (1, -1): ('at the bottom left', '左下角'), (1, 0): ('at the bottom', '下方'), (1, 1): ('at the bottom right', '右下角'),
}
EDGE_NAMES = {'left': ('on the left', '左边'), 'right': ('on the right', '右边'), 'top': ('at the top', '上面'),
              'bottom': ('at the bottom', '下面')}
RELATION_NAMES = {'left of': ('left of', '左边'), 'right of': ('right of', '右边'), 'above': ('above', '上面'),
                  'below': ('below', '下面')}

QUESTIONS = {
    'describe': ([
        'What is in the {p}?', 'What is in the {p}?', 'Describe the {p}.', 'Describe this {p}.', 'What do you see?',
        'What is in this {p}?', 'What is this?',
        'What does the {p} show?', 'Please describe the {p}.', 'Tell me what you see.', "What's in the {p}?",
        'What can you see in the {p}?',
        'What is shown in this {p}?', 'Describe what you see in the {p}.', 'Can you describe this {p}?',
        'What do you see in this {p}?', 'Caption this {p}.',
        'Describe it in one sentence.', 'What is on the {p}?', ''],
        ['描述这张图片。', '描述这张图片。', '图片里有什么？', '这是什么？', '这张图片里有什么？', '你看到了什么？', '请描述这张图片。', '图中有什么？', '描述一下', '这张图里有什么？',
         '请描述一下这张图。', '用一句话描述这张图片。', '请描述图片内容。', '请告诉我图片里有什么。', '说说这张图片。']),
    'background': ([
        'What is the colour of the background?', 'What colour is the background?', 'What color is the background?',
        'Which colour does the background have?',
        'What is the background color?', 'On what background is it?'],
        ['背景是什么颜色？', '背景颜色是什么？', '背景是什么颜色的？', '图片的背景是什么颜色？', '底色是什么？']),
    'colour': ([
        'What colour is the {x}?', 'What color is the {x}?', 'What is the colour of the {x}?',
        'Which colour is the {x}?', 'Tell me the colour of the {x}.',
        'Which color does the {x} have?', 'What is the color of the {x}?'],
        ['{x}是什么颜色？', '{x}是什么颜色的？', '{x}的颜色是什么？', '请问{x}是什么颜色？', '图中的{x}是什么颜色？']),
    'its colour': (['What colour is it?', 'What color is the shape?', 'Which colour is the shape?',
                    'What is its colour?'],
                   ['它是什么颜色？', '这个图形是什么颜色？', '图形的颜色是什么？']),
    'shape': (['What shape is it?', 'Which shape is it?', 'What shape is this?', 'What shape do you see?',
               'Which shape is in the {p}?', 'Name the shape.'],
              ['这是什么形状？', '图中是什么形状？', '这是什么图形？', '它是什么形状的？', '图里是什么图形？']),
    'which shape': ([
        'Which shape is {c}?', 'What shape is {c}?', 'Which shape in the {p} is {c}?', 'What is {c}?',
        'What is the {c} shape?', 'Name the {c} shape.',
        'What shape is the {c} one?'],
        ['哪个图形是{c}的？', '哪个是{c}的？', '{c}的是什么图形？', '{c}的图形是什么？', '什么图形是{c}的？']),
    'count': (['How many shapes are there?', 'How many shapes are in the {p}?', 'Count the shapes.',
               'How many shapes do you see?', 'How many objects are there?',
               'How many things are in the {p}?', 'What is the number of shapes?'],
              ['图中有几个图形？', '有几个图形？', '数一数图形。', '一共有多少个图形？', '图片里有多少个图形？', '请问有几个图形？']),
    'count of': (['How many {x} are there?', 'How many {x} are in the {p}?', 'How many {x} do you see?',
                  'Count the {x}.', 'How many {x} can you see?'],
                 ['有几个{x}？', '图中有几个{x}？', '有多少个{x}？', '数一数{x}。', '图片里有多少个{x}？']),
    'exists': (['Is there {a}?', 'Is there {a} in the {p}?', 'Do you see {a}?', 'Does the {p} show {a}?',
                'Can you see {a}?', 'Is {a} in the {p}?'],
               ['有{x}吗？', '图中有{x}吗？', '图片里有没有{x}？', '你看到{x}了吗？', '这张图里有{x}吗？']),
    'number': (['What number is it?', 'Which number is shown?', 'What number do you see?', 'What is the number?',
                'Read the number.', 'Which number is in the {p}?',
                'What number does the {p} show?'],
               ['数字是什么？', '图中的数字是什么？', '这是什么数字？', '图里的数字是多少？', '读出数字。', '数字是多少？']),
    'word': (['What word is it?', 'Which word is shown?', 'What word do you see?', 'Read the word.',
              'What is the word?', 'Which word is in the {p}?'],
             ['单词是什么？', '图中的单词是什么？', '这是什么单词？', '读出单词。', '图里写着什么单词？']),
    'text': (['What does it say?', 'What does the text say?', 'Read the text.', 'Read it.',
              'What is written in the {p}?', 'What text is in the {p}?', 'What is written there?',
              'Transcribe the text.'],
             ['写的是什么？', '图片上写了什么？', '读出文字。', '图中的文字是什么？', '上面写着什么？', '识别图中的文字。']),
    'position': (['Where is the {x}?', 'Where in the {p} is the {x}?', 'Where do you see the {x}?',
                  'In which part of the {p} is the {x}?', 'Tell me where the {x} is.'],
                 ['{x}在哪里？', '{x}在图中的什么位置？', '{x}在什么地方？', '请问{x}在哪儿？']),
    'extreme': (['What is {x}?', 'Which shape is {x}?', 'What do you see {x}?', 'What is {x} of the {p}?',
                 'Which shape is furthest to the {s}?', 'What is the {s}most shape?'],
                ['{x}是什么？', '最{x}是什么？', '图的{x}有什么？', '最{x}的图形是什么？']),
    'relation': (['Is the {x} {w} the {y}?', 'Do you see the {x} {w} the {y}?', 'Does the {x} lie {w} the {y}?',
                  'Is the {x} {w} the {y} in the {p}?'],
                 ['{x}在{y}的{w}吗？', '{x}是在{y}的{w}吗？', '请问{x}在{y}{w}吗？']),
    'beside': (['What is {w} the {x}?', 'Which shape is {w} the {x}?', 'What do you see {w} the {x}?',
                'What lies {w} the {x}?'],
               ['{x}的{w}是什么？', '{x}{w}有什么？', '{x}的{w}是什么图形？']),
    'size': (['Which shape is {x}?', 'Which shape is the {x} one?', 'What is the {x} shape?', 'Which one is {x}?',
              'Name the {x} shape.'],
             ['哪个图形{x}？', '{x}的图形是什么？', '哪个{x}？', '{x}的是什么？']),
    'json': (['Describe the {p} as JSON.', 'Answer as JSON.', 'Give me JSON.',
              'Describe the shapes as JSON with the keys shape and color.',
              'JSON with shape and color please.', 'List the shapes as JSON.', 'Return the content as JSON.'],
             ['用JSON格式回答。', '请用JSON描述图片。', '以JSON格式列出图形。', '请返回JSON。', '用JSON描述图中的内容。']),
    'json of': (['Describe the {p} as JSON with the keys {x} and {y}.', 'JSON with {x} and {y} please.',
                 'List the shapes as JSON with the keys {x} and {y}.',
                 'Return JSON: {x}, {y}.', 'Give me the {x} and the {y} as JSON.'],
                ['用JSON回答，键为{x}和{y}。', '请返回JSON，包含{x}和{y}。', '以JSON格式列出图形，键是{x}和{y}。']),
    'json key': (['Answer as JSON with the key {k}.', 'Return JSON with the key {k}.', 'Give me JSON with {k} only.',
                  'Reply in JSON: {{"{k}": ...}}', 'JSON with {k} please.'],
                 ['用JSON回答，键为{k}。', '请返回只有{k}的JSON。', '以JSON格式回答：{{"{k}": ...}}']),
    'box': (['Give the box of the {x}.', 'Give the bounding box of the {x} as JSON.', 'Detect the {x}.',
             'Locate the {x}.', 'Draw a box around the {x}.',
             'Output the bbox_2d of the {x}.', 'Find the {x} and give its box.',
             'Where is the {x}? Answer with bbox_2d.', 'Mark the {x}.'],
            ['框出{x}。', '给出{x}的边界框。', '请用JSON给出{x}的位置框。', '检测{x}。', '定位{x}。', '输出{x}的bbox_2d。']),
    'boxes': (['Detect all shapes.', 'Give the boxes of all shapes.', 'Locate every shape.',
               'Detect all objects and give their boxes as JSON.',
               'Output the bbox_2d of every shape.', 'Draw a box around each shape.', 'Find all shapes.'],
              ['检测所有图形。', '框出所有图形。', '给出所有图形的边界框。', '定位每个图形。', '输出所有图形的bbox_2d。']),
    'box in': (['Give the box of the {x} in {p}.', 'Detect the {x} in {p}.', 'Locate the {x} in {p}.',
                'Output the bbox_2d of the {x} in {p}.', 'Mark the {x} in {p}.'],
               ['框出{p}里的{x}。', '给出{p}中{x}的边界框。', '检测{p}里的{x}。', '输出{p}中{x}的bbox_2d。']),
    # several pictures
    'describe all': (['Describe the {p}s.', 'What is in the {p}s?', 'Describe each {p}.', 'What do you see?',
                      'What do the {p}s show?', 'Describe these {p}s.',
                      'Please describe the {p}s.', 'What is in each {p}?', 'Describe all the {p}s.', 'What are these?',
                      'Tell me what you see in the {p}s.',
                      'What is in these {p}s?', 'Describe the {p}s one by one.', 'Describe all {p}s.',
                      'What is in the {p}?', 'What is in the {p}?', ''],
                     ['描述这些图片。', '这些图片里有什么？', '请描述每张图片。', '你看到了什么？', '每张图里有什么？', '图片里有什么？', '分别描述这些图片。', '描述图片',
                      '这些是什么？',
                      '请分别描述每张图片。', '用一句话描述这张图片。']),
    'how many pictures': (['How many {p}s did I send?', 'How many {p}s are there?', 'How many {p}s do you see?',
                           'Count the {p}s.', 'How many {p}s did I upload?'],
                          ['我发了几张图片？', '有几张图片？', '一共有多少张图片？', '你看到几张图片？', '我发了多少张图片？']),
    'in picture': (['What is in {p}?', 'Describe {p}.', 'What does {p} show?', 'What do you see in {p}?',
                    'What is on {p}?', 'Tell me about {p}.'],
                   ['{p}里有什么？', '描述{p}。', '{p}是什么？', '请描述{p}。', '你在{p}里看到了什么？']),
    'colour in': (['What colour is the {x} in {p}?', 'Which colour has the {x} in {p}?',
                   'In {p}, what color is the {x}?'],
                  ['{p}里的{x}是什么颜色？', '{p}中的{x}是什么颜色的？']),
    'read in': (['What {x} is in {p}?', 'Which {x} does {p} show?', 'Read the {x} in {p}.', 'What is the {x} in {p}?'],
                ['{p}里的{x}是什么？', '读出{p}里的{x}。', '{p}中的{x}是什么？']),
    'count in': (['How many shapes are in {p}?', 'Count the shapes in {p}.', 'How many shapes does {p} show?'],
                 ['{p}里有几个图形？', '{p}中有多少个图形？', '数一数{p}里的图形。']),
    'which picture': (['Which {p} shows {a}?', 'In which {p} is {a}?', 'In which {p} do you see {a}?',
                       'Which {p} has {a}?', 'Where is {a}?', 'Find the {p} with {a}.',
                       'In which {p} is there {a}?'],
                      ['哪张图里有{x}？', '{x}在哪张图里？', '哪张图片有{x}？', '哪一张图里有{x}？']),
    'which picture number': (['Which {p} shows the {x} {t}?', 'In which {p} is the {x} {t}?',
                              'Which {p} has the {x} {t}?', 'Find the {p} with {t}.'],
                             ['哪张图里有{x}{t}？', '{x}{t}在哪张图里？', '{t}在哪张图里？']),
    'most': (['Which {p} has the most shapes?', 'Which {p} shows the most shapes?', 'In which {p} are the most shapes?',
              'Which {p} has more shapes?'],
             ['哪张图的图形最多？', '哪张图里的图形更多？', '图形最多的是哪张图？']),
    'fewest': (['Which {p} has the fewest shapes?', 'Which {p} shows the fewest shapes?',
                'Which {p} has fewer shapes?'], ['哪张图的图形最少？', '哪张图里的图形更少？', '图形最少的是哪张图？']),
    'same': (['Are the {p}s the same?', 'Do the {p}s show the same?', 'Is it the same {p}?', 'Are both {p}s equal?',
              'Do both {p}s show the same thing?'],
             ['两张图一样吗？', '这两张图片相同吗？', '图片一样吗？', '两张图片里的东西一样吗？']),
    'differ': (['What is the difference?', 'How do the two {p}s differ?', 'What differs between the {p}s?',
                'Compare the {p}s.', 'What is different?',
                'What are the differences between the two {p}s?', 'Compare the two {p}s.'],
               ['有什么区别？', '两张图有什么不同？', '比较这两张图片。', '它们有什么区别？', '这两张图片有什么不同？']),
    'same colour': (['Do the {p}s have the same background?', 'Is the background the same in both {p}s?',
                     'Are the backgrounds the same?'],
                    ['两张图的背景一样吗？', '背景颜色相同吗？', '两张图片的背景相同吗？']),
    # follow-ups
    'and the': (['And the {x}?', 'What about the {x}?', 'And what about the {x}?'], ['{x}呢？', '那{x}呢？']),
    'and in': (['And in {p}?', 'And {p}?', 'What about {p}?'], ['{p}呢？', '那{p}呢？']),
    'this one': (['And this one?', 'What is in this {p}?', 'Describe this {p}.', 'What about this one?',
                  'And this {p}?', 'What is in the new {p}?', 'What is in the last {p}?'],
                 ['这张呢？', '这张图片里有什么？', '描述这张图片。', '那这张图片呢？', '最后一张图里有什么？']),
    # no picture
    'hello': (['Hello', 'Hello!', 'Hi', 'Hi!', 'Hey', 'Hi there', 'Good morning', 'Good evening', 'Hello there!',
               'hello', 'How are you?', 'Hi, how are you?'],
              ['你好', '你好！', '您好', '早上好', '晚上好', '嗨', '你好吗？', '您好！']),
    'who': (['Who are you?', 'What are you?', 'What can you do?', 'What is your name?', 'Are you a language model?',
             'What do you know?', 'Tell me about yourself.',
             'Which model are you?', 'How can you help me?', 'Are you Qwen?', 'Are you ChatGPT?', 'Help'],
            ['你是谁？', '你是什么？', '你能做什么？', '你叫什么名字？', '你会什么？', '介绍一下你自己。', '你是什么模型？', '帮助']),
    'thanks': (['Thanks', 'Thank you', 'Thank you!', 'Thanks a lot', 'Great', 'Good', 'Nice', 'Ok', 'OK, thanks'],
               ['谢谢', '谢谢你', '谢谢！', '好的', '很好', '不错']),
    'bye': (['Bye', 'Goodbye', 'See you', 'Good night', 'Bye!'], ['再见', '拜拜', '晚安', '再见！']),
    'photo': (['Is this a photo?', 'Can you describe photos?', 'Can you read handwriting?',
               'Do you understand photographs?', 'Can you recognise people?', 'Can I trust you?'],
              ['你能看懂照片吗？', '你能识别人吗？', '你会看照片吗？', '你能读手写文字吗？', '我能相信你吗？']),
}

SMALL_TALK = {
    'hello': ('Hello! I am a tiny demonstration model. Send me a picture of simple shapes or digits.',
              '你好！我是一个很小的演示模型。请发给我简单图形或数字的图片。'),
    'who': ('I am a tiny demonstration model. I can describe simple shapes, colours, digits and words in pictures.',
            '我是一个很小的演示模型，能描述图片里的简单图形、颜色、数字和单词。'),
    'thanks': ('You are welcome!', '不客气！'),
    'bye': ('Goodbye!', '再见！'),
    'photo': ('No. I am a tiny demonstration model and only know drawn shapes, colours, digits and words.',
              '不能。我是一个很小的演示模型，只认识画出来的图形、颜色、数字和单词。'),
    'no picture': ('I see no picture. Please send me one.', '我没有看到图片。请发一张给我。'),
    'cannot': ('Sorry, I am a tiny demonstration model. '
               'I can only talk about simple shapes, colours and digits in pictures.',
               '抱歉，我是一个很小的演示模型，只能谈论图片里的简单图形、颜色和数字。'),
}


def ask(r, name, zh, **values):
    """Draws a phrase for a question, sometimes without capitals or a full stop, or with a please."""
    text = r.choice(QUESTIONS[name][zh]).format(**{'p': r.choice(['picture', 'image', 'picture', 'image', 'photo']),
                                                   **values})
    if zh:
        return (text.rstrip('。？') if r.random() < 0.12 else '请问' + text if r.random() < 0.04 and text.endswith('？')
                and not text.startswith('请') else text)
    way = r.random()
    if way < 0.06 and 't' not in values and 'k' not in values and '_' not in text: return text.lower()
    if way < 0.12: return text.rstrip('.?')
    return text


def picture_name(r, index, zh):
    """Draws a name for one of several pictures. `index` starts at 0."""
    if zh: return r.choice([f'图{index + 1}', f'第{index + 1}张图', ZH_ORDINALS[index] + '图片', ZH_ORDINALS[index] + '图'])
    return r.choice([f'picture {index + 1}', f'image {index + 1}', f'the {ORDINALS[index]} picture',
                     f'the {ORDINALS[index]} image', f'photo {index + 1}'])
