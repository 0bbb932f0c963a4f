"""Byte-level BPE that splits text as llama.cpp does for `tokenizer.ggml.model=gpt2`, `tokenizer.ggml.pre=qwen2`."""
import json
from collections import Counter, defaultdict

import regex

SPLIT = regex.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
                      r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|object_ref_start|>', '<|object_ref_end|>', '<|box_start|>',
           '<|box_end|>', '<|vision_start|>',
           '<|vision_end|>', '<|image_pad|>', '<|video_pad|>']
LONGEST = 12        # most bytes of a token, such as a word with its blank, or four Chinese characters


def byte_letters():
    """GPT-2's printable character for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


LETTERS = byte_letters()


def to_letters(text): return [LETTERS[byte] for byte in text.encode()]


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.plain = sorted(LETTERS.values()) + [left + right for left, right in self.merges]
        self.tokens = self.plain + SPECIAL
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.bytes = {letter: byte for byte, letter in LETTERS.items()}
        self.cache = {}

    def special(self, name): return self.ids[f'<|{name}|>']

    def encode(self, text):
        """Ids of plain text. Special tokens in it are not recognised."""
        return [i for word in SPLIT.findall(text) for i in self.word(word)]

    def word(self, word):
        if word in self.cache: return self.cache[word]
        parts = to_letters(word)
        while len(parts) > 1:
            rank, at = min((self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30: break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        ids = [self.ids[part] for part in parts]
        if len(self.cache) < 200_000: self.cache[word] = ids
        return ids

    def decode(self, ids):
        return b''.join(token.encode() if (token := self.tokens[i]) in SPECIAL
                        else bytes(self.bytes[letter] for letter in token) for i in ids).decode('utf8', 'replace')

    def save(self, path):
        with open(path, 'w') as file: json.dump(self.merges, file, ensure_ascii=False)

    @staticmethod
    def load(path):
        with open(path) as file: return Tokenizer(json.load(file))


def learn(texts, merges, units):
    """Learns merges of the most frequent neighbours. Words in capitals are not merged: they are read letter by letter.

    @param texts Counter of texts
    @param units Chinese words; nothing is merged across their borders, so that a colour and a shape are two tokens
    """
    border = regex.compile('|'.join(sorted(map(regex.escape, units), key=len, reverse=True)) + r'|\p{Han}+?(?='
                           + '|'.join(map(regex.escape, units)) + r'|$|\P{Han})|\P{Han}+')
    counts = Counter()
    for text, number in texts.items():
        for word in SPLIT.findall(text):
            for unit in border.findall(word) if regex.search(r'\p{Han}', word) else [word]:
                if not regex.fullmatch(r'.?[A-Z]{2,}', unit) or unit.strip() == 'JSON': counts[unit] += number
    words = {word: to_letters(word) for word in counts}
    pairs, places = Counter(), defaultdict(set)
    for word, parts in words.items():
        for pair in zip(parts, parts[1:]):
            pairs[pair] += counts[word]
            places[pair].add(word)
    learnt, known = [], set(LETTERS.values())
    while len(learnt) < merges:
        pair = max((pair for pair in pairs if len(pair[0]) + len(pair[1]) <= LONGEST and pair[0]
                    + pair[1] not in known), key=lambda pair: (pairs[pair], pair), default=None)
        if pair is None or pairs[pair] < 2: break
        learnt.append(pair)
        known.add(pair[0] + pair[1])
        for word in list(places[pair]): merge(words, word, pair, pairs, places, counts[word])
    return learnt


def merge(words, word, pair, pairs, places, number):
    old = words[word]
    for neighbours in zip(old, old[1:]):
        pairs[neighbours] -= number
        if pairs[neighbours] <= 0: del pairs[neighbours]
        places[neighbours].discard(word)
    new, i = [], 0
    while i < len(old):
        both = tuple(old[i:i + 2]) == pair
        new.append(old[i] + old[i + 1] if both else old[i])
        i += 2 if both else 1
    words[word] = new
    for neighbours in zip(new, new[1:]):
        pairs[neighbours] += number
        places[neighbours].add(word)
