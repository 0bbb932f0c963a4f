"""Linear readouts that are trained with the model and discarded afterwards.

They force each token of an image to encode what it shows: its thing, the place of that thing, letters, and the number
of the image. A small model then learns in an hour what would take a day from answers alone.
"""
import torch
from torch import nn
from torch.nn import functional as F

from prepare import EDGE_CLASSES, SLOTS
from world import CHARACTERS, COLOURS, MAX_CHARACTERS, MAX_SHAPES, SHAPES

CLASSES = {'shape': len(SHAPES) + 2, 'colour': len(COLOURS) + 1, 'thing': MAX_SHAPES + 1, 'first': MAX_CHARACTERS + 1}
SLOT_CLASSES = len(CHARACTERS) + 1
SEEN_CLASSES = {**CLASSES, 'zone': 10, 'down': MAX_SHAPES + 1, 'large': MAX_SHAPES + 1, 'count': MAX_SHAPES + 1,
                'before': SLOT_CLASSES}
IGNORED = -100      # label without a loss
POINTER = 64        # width of the vectors that match an answer with the tokens it refers to
BOX_SCALE = 4.0     # in tokens; keeps the outputs near 1


class Probes(nn.Module):
    def __init__(self, width, pictures=4):
        super().__init__()
        self.seen = nn.ModuleDict({name: nn.Linear(width, size)
                                   for name, size in {**SEEN_CLASSES, 'background': len(COLOURS),
                                                      'slots': SLOTS * SLOT_CLASSES, 'box': 4,
                                                      'edges': 4 * EDGE_CLASSES}.items()})
        self.asking, self.showing = nn.Linear(width, POINTER), nn.Linear(width, POINTER)
        told = {**CLASSES, 'picture': pictures, 'box': 4, 'edges': 4 * EDGE_CLASSES}
        self.told = nn.ModuleDict({name: nn.Linear(width, size) for name, size in told.items()})
        ranks = MAX_SHAPES + 1
        named = {'number': 5, 'picture': pictures, 'thing': ranks, 'down': ranks, 'large': ranks, 'zone': 10}
        self.named = nn.ModuleDict({name: nn.Linear(width, size) for name, size in named.items()})
        self.agreeing = nn.Linear(width, 2)

    def of_vision(self, x, labels):
        """@param x output of the projector [n, cells, width]
        @param labels see prepare.labels, [n, rows, columns, ...]
        @returns loss, accuracies
        """
        n, cells, _ = x.shape
        rows, columns = labels['thing'].shape[1:]
        loss, right = classes(self.seen, x, labels, SEEN_CLASSES)
        loss = (loss + F.cross_entropy(self.seen['background'](x).float().flatten(0, 1),
                                       labels['background'][:, None].expand(n, cells).reshape(-1)))
        letters = labels['slots'].reshape(n * cells, SLOTS)
        has_text = (labels['shape'].reshape(-1) == len(SHAPES) + 1) | (letters[:, 0] > 0)
        logits = self.seen['slots'](x).float().view(n * cells, SLOTS, SLOT_CLASSES)[has_text]
        if len(logits):
            target = letters[has_text]
            each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction='none').view(target.shape)
            loss = loss + 2 * each.mean() + 2 * marked_mean(each, target > 0)
            right['letters'] = marked_mean((logits.argmax(-1) == target).float(), target > 0).item()
        y, x_ = torch.meshgrid(torch.arange(rows, device=x.device), torch.arange(columns, device=x.device),
                               indexing='ij')
        here = torch.stack([x_, y, x_, y], -1).float() + 0.5
        loss = loss + box_loss(self.seen['box'](x), (labels['box'] - here).view(n, cells, 4), labels['thing'])
        # Counted from the image's corner, as in answers. Otherwise the language model would have to find the place.
        return loss + edges_loss(self.seen['edges'](x), labels), right

    def of_text(self, x, labels, which):
        """The same after a layer of the language model, with boxes counted from the image's corner.

        @param which number of each image in its dialogue [n]
        """
        n, cells, _ = x.shape
        loss, right = classes(self.told, x, labels, CLASSES)
        loss = (loss + F.cross_entropy(self.told['picture'](x).float().flatten(0, 1),
                                       which[:, None].expand(n, cells).reshape(-1)))
        loss = loss + 0.5 * edges_loss(self.told['edges'](x), labels)
        return loss + box_loss(self.told['box'](x), labels['box'].view(n, cells, 4), labels['thing']), right

    def of_names(self, x, labels):
        """@param x hidden states of names in questions [n, width]
        @param labels see batches.names
        @returns loss, accuracies
        """
        loss, right = 0, {}
        for name, target in labels.items():
            known = target != IGNORED
            if not known.any(): continue
            logits, target = self.named[name](x[known]).float(), target[known]
            loss = loss + F.cross_entropy(logits, target)
            right[name] = (logits.argmax(-1) == target).float().mean().item()
        return loss, right

    def of_comparisons(self, x, agree):
        """@param x hidden states before answers [n, width]
        @param agree values of Turn.agree [n, 2]
        @returns loss, accuracy
        """
        logits = self.agreeing(x).float()
        loss = 2 * F.binary_cross_entropy_with_logits(logits, agree.float())
        return loss, ((logits > 0) == agree).float().mean().item()

    def pointing(self, x): return torch.bmm(self.asking(x), self.showing(x).transpose(1, 2)) * POINTER ** -0.5

    def of_pointing(self, scores, things, rows, places, meant):
        """Whether a token points to the tokens of images that it refers to, or that the next token is read off.

        @param scores output of `pointing` [B, T, T]
        @param things see batches.Batch
        @param rows, places of the tokens [n]
        @param meant the tokens to point to [n, T]
        @returns loss, the share of the weight on these tokens
        """
        seen = (things[rows] >= 0) & (torch.arange(things.shape[1], device=things.device) < places[:, None])
        scores = scores[rows, places].float().masked_fill(~seen, -1e9)
        right = torch.logsumexp(scores.masked_fill(~meant, -1e9), -1) - torch.logsumexp(scores, -1)
        known = (meant & seen).any(-1)
        return -marked_mean(right.clamp(min=-20), known), marked_mean(right.exp(), known).item()


def marked_mean(values, marks): return (values * marks).sum() / marks.sum().clamp(min=1)


def classes(heads, x, labels, names):
    loss, right = 0, {}
    for name in names:
        logits, target = heads[name](x).float().flatten(0, 1), labels[name].reshape(-1)
        each = F.cross_entropy(logits, target, reduction='none')
        loss = loss + 0.5 * each.mean() + marked_mean(each, target > 0)
        right[name] = marked_mean((logits.argmax(-1) == target).float(), target > 0).item()
    return loss, right


def box_loss(said, wanted, thing):
    each = F.smooth_l1_loss(said.float(), wanted / BOX_SCALE, beta=0.1, reduction='none').mean(-1)
    return 4 * marked_mean(each.flatten(), thing.flatten() > 0)


def edges_loss(logits, labels):
    """@param logits [n, cells, 4 * EDGE_CLASSES]"""
    each = F.cross_entropy(logits.float().view(-1, EDGE_CLASSES), labels['edges'].reshape(-1), reduction='none')
    return marked_mean(each.view(-1, 4).mean(-1), labels['thing'].flatten() > 0)
