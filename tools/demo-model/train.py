"""Trains the demo model: `python3 train.py FOLDER`, the folder in which make.py has put the pool and the tokenizer.

First the encoder is trained on the probes' labels; then the language model on embeddings that the encoder computes
once, with dialogues about one image and then about up to four; at last both together, twice. It continues from the
folder's checkpoint. On a CPU each core runs a process with its own batches. Gradients are added in shared memory, so
that a run is repeatable.
"""
import argparse
import copy
import gc
import os
import time
from collections import Counter, defaultdict

import numpy as np
import torch
from torch import multiprocessing, nn
from torch.nn import functional as F

from batches import IGNORED, batches, names, pointers
from model import Model, Shape
from optimizer import Optimizer
from pool import Pictures
from probes import Probes
from tokenizer import Tokenizer

SEED = 2026
STEPS = {'vision': 2500, 'single': 300, 'several': 6400, 'together': 200, 'again': 500}
# layers with probes: of images after the first of them, of pointing after the second, of names after the third
WATCHED = 2, 3, 4
SEEN_AT_ONCE = 64
VISION_BATCH = 32       # images per worker and step, for each of two sizes
BATCH = 10              # dialogues per worker and step
BUDGET = 200            # tokens after which no further turn begins
MATRIX_RATE, RATE = 0.02, 2e-3
# stages that train everything, with the share of the full rates at their start
FINISHING = {'together': 0.06, 'again': 0.1}
PROBING, POINTING = 0.1, 1     # weights of all probes in the language model's loss, and of questions in them
HELD_BACK = 2           # pieces of the pool that are held out
CHECK_EVERY, SAVE_EVERY, LOG_EVERY = 2000, 250, 50


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder')
    for stage, steps in STEPS.items(): parser.add_argument(f'--{stage}', type=int, default=steps, metavar='STEPS')
    parser.add_argument('--workers', type=int, default=1 if torch.cuda.is_available() else os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = Tokenizer.load(f'{options.folder}/tokenizer.json')
    pictures = Pictures(f'{options.folder}/pool', HELD_BACK)
    held_back = Pictures(f'{options.folder}/pool', 0, HELD_BACK)
    shape = Shape(len(tokenizer.tokens))
    net = nn.ModuleDict({'model': Model(shape), 'probes': Probes(shape.width)})
    size = sum(parameter.numel() for parameter in net.parameters())
    print(f'{len(pictures)} pictures, {len(tokenizer.tokens)} tokens, {size} parameters', flush=True)
    shared = {name: torch.zeros(size) for name in ('weights', 'first', 'second')}
    shared['weights'].copy_(torch.cat([parameter.data.flatten() for parameter in net.parameters()]))
    step = 0
    if os.path.exists(f'{options.folder}/checkpoint.pt'):
        saved = torch.load(f'{options.folder}/checkpoint.pt')
        step = saved['step']
        for name in shared: shared[name].copy_(saved[name])
    for tensor in shared.values(): tensor.share_memory_()
    embeddings = {grid: torch.zeros(len(scenes), grid[0] * grid[1], shape.width, dtype=torch.bfloat16).share_memory_()
                  for grid, scenes in pictures.scenes.items()}
    gradients = [torch.zeros(size).share_memory_() for _ in range(options.workers)]
    # Keeps the garbage collector from scanning hundreds of thousands of scenes repeatedly.
    gc.collect()
    gc.freeze()
    context = multiprocessing.get_context('fork')
    barrier = context.Barrier(options.workers)
    work = [options, tokenizer, pictures, held_back, net, shape, shared, gradients, embeddings, barrier, step]
    if options.workers == 1: return Worker(0, *work).run()
    processes = [context.Process(target=start_worker, args=(worker, barrier, work))
                 for worker in range(options.workers)]
    for process in processes: process.start()
    for process in processes: process.join()
    raise SystemExit(max(abs(process.exitcode) for process in processes))


def start_worker(worker, barrier, work):
    try: Worker(worker, *work).run()
    except BaseException:
        # The other workers must not wait for this one.
        barrier.abort()
        raise


class Worker:
    def __init__(self, worker, options, tokenizer, pictures, held_back, net, shape, shared, gradients, embeddings,
                 barrier, step):
        torch.set_num_threads(1)
        self.worker, self.options, self.tokenizer = worker, options, tokenizer
        self.pictures, self.held_back = pictures, held_back
        self.shared, self.gradients, self.embeddings = shared, gradients, embeddings
        self.barrier, self.number = barrier, step
        self.moving, self.seen_once = 'all', None
        self.device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        self.net = copy.deepcopy(net).bfloat16().to(self.device)
        self.model, self.probes, self.parameters = self.net['model'], self.net['probes'], list(self.net.parameters())
        self.optimizer = Optimizer(list(net.named_parameters()), shape, shared, worker, options.workers)
        self.seen, self.began = defaultdict(float), time.time()
        self.take_weights()

    # ---- the run

    def run(self):
        begin = 0
        for stage in STEPS:
            end = begin + getattr(self.options, stage)
            if self.number < end: self.run_stage(stage, begin, end)
            begin = end

    def run_stage(self, stage, begin, end):
        self.moving = 'tower' if stage == 'vision' else 'all' if stage in FINISHING else 'language'
        if self.moving == 'language' and self.seen_once is None: self.see_all()
        source = (None if stage == 'vision' else batches(f'{SEED}/{stage}', self.worker, self.pictures, self.tokenizer,
            BATCH, stage == 'single', BUDGET, self.number - begin))
        while self.number < end:
            loss = self.vision_loss() if stage == 'vision' else self.dialogue_loss(next(source))
            loss.backward()
            self.update(self.rate(stage, (self.number - begin) / (end - begin)))
            if self.number % LOG_EVERY == 0: self.log(stage)
            if self.number % CHECK_EVERY == 0 or self.number == end: self.check(stage)
            if self.number % SAVE_EVERY == 0 or self.number == end: self.save()

    def rate(self, stage, done):
        """The share of the full rates at a point of a stage. Both stages of the language model share one decay."""
        if stage == 'vision': return min(1, self.number / 60 + 0.02) * max(0.05, min(1, 2 * (1 - done)))
        if stage in FINISHING: return FINISHING[stage] * max(0.05, 1 - done)
        at, steps = self.number - self.options.vision, self.options.single + self.options.several
        return 0.6 * min(1, at / 50 + 0.05) * max(0.05, 1 - at / steps)

    @torch.no_grad()
    def see_all(self):
        """Computes the embeddings of all images. Each worker computes its share."""
        self.seen_once = self.embeddings
        for grid, scenes in self.pictures.scenes.items():
            for first in range(self.worker * SEEN_AT_ONCE, len(scenes), self.options.workers * SEEN_AT_ONCE):
                indices = np.arange(first, min(first + SEEN_AT_ONCE, len(scenes)))
                pixels = self.normalised(self.pictures.pixels[grid][indices])
                self.seen_once[grid][indices] = self.model.vision(pixels).cpu()
        self.barrier.wait()

    def update(self, rate):
        flat = self.gradients[self.worker]
        at = 0
        for parameter in self.parameters:
            size = parameter.numel()
            if parameter.grad is None: flat[at:at + size].zero_()
            else: flat[at:at + size].copy_(parameter.grad.flatten())
            parameter.grad = None
            at += size
        self.barrier.wait()
        self.number += 1
        self.optimizer.step(self.gradients, self.number, MATRIX_RATE * rate, RATE * rate, self.moving)
        self.barrier.wait()
        self.take_weights()

    def take_weights(self):
        at = 0
        for parameter in self.parameters:
            parameter.data.copy_(self.shared['weights'][at:at + parameter.numel()].view(parameter.shape))
            at += parameter.numel()

    # ---- losses

    def vision_loss(self):
        r = np.random.default_rng([SEED, self.number, self.worker])
        loss = 0
        weights = np.array(self.pictures.weights) / sum(self.pictures.weights)
        for choice in r.choice(len(self.pictures.grids), 2, p=weights):
            grid = self.pictures.grids[choice]
            indices = r.integers(len(self.pictures.scenes[grid]), size=VISION_BATCH)
            pixels, marks = self.pictures.moved(grid, indices, r)
            part, right = self.probes.of_vision(self.model.vision(self.normalised(pixels, r)),
                                                {name: self.tensor(values) for name, values in marks.items()})
            loss = loss + part / 2
            self.note('vision', part.item(), right)
        return loss

    def dialogue_loss(self, batch):
        r = np.random.default_rng([SEED, self.number, self.worker])
        logits, targets, probing = self.answers(self.pictures, batch, r)
        loss = F.cross_entropy(logits, targets)
        self.note('answers', loss.item(), {'token': (logits.argmax(-1) == targets).float().mean().item()})
        return loss + PROBING * probing

    def answers(self, pictures, batch, r=None):
        """Logits and targets of all tokens of answers, and the probes' loss."""
        rows, width = batch.ids.shape
        x = self.model.embedding(self.tensor(batch.ids)).flatten(0, 1)
        places, embedded, number, probing = [], [], sum(len(item[0]) for item in batch.pictures.values()), 0
        for grid, (indices, where, _) in batch.pictures.items():
            known = self.moving == 'language' and pictures is self.pictures
            seen = (self.seen_once[grid][indices].to(self.device) if known
                    else self.model.vision(self.normalised(pictures.pixels[grid][indices], r)))
            if r is not None and not known:
                part, _ = self.probes.of_vision(seen, self.labels(pictures, grid, indices))
                probing = probing + part * len(indices) / number
            embedded.append(seen.flatten(0, 1))
            places.append(where.reshape(-1))
        if embedded: x = x.index_copy(0, self.tensor(np.concatenate(places)), torch.cat(embedded))
        hidden, (early, later, last) = self.model.hidden(x.view(rows, width, -1), self.tensor(batch.positions), WATCHED)
        if r is not None:
            scores, things = self.probes.pointing(later), self.tensor(batch.things)
            for name, found in (('asked', batch.asked + batch.named), ('told', batch.told)):
                if not found: continue
                part, right = self.probes.of_pointing(scores, things, *map(self.tensor, pointers(batch, found)))
                probing = probing + POINTING * part
                self.note(name, part.item(), {'right': right})
            if batch.named:
                rows_named, places_named, meant = names(batch)
                part, right = self.probes.of_names(last[self.tensor(rows_named), self.tensor(places_named)],
                                                   {name: self.tensor(values) for name, values in meant.items()})
                probing = probing + part
                self.note('named', float(part), right)
            compared = [(row, first, turn.agree) for row, first, _, turn in batch.answers if turn.agree]
            if compared:
                rows_compared, places_compared, agree = map(self.tensor, map(np.array, zip(*compared)))
                part, right = self.probes.of_comparisons(last[rows_compared, places_compared], agree)
                probing = probing + part
                self.note('compared', part.item(), {'right': right})
            for grid, (indices, where, which) in batch.pictures.items():
                told = early.flatten(0, 1)[self.tensor(where.reshape(-1))].view(*where.shape, -1)
                part, right = self.probes.of_text(told, self.labels(pictures, grid, indices), self.tensor(which))
                probing = probing + part * len(indices) / number
                self.note('probes', part.item(), right)
        wanted = np.flatnonzero(batch.targets.reshape(-1) != IGNORED)
        logits = self.model.logits(hidden.flatten(0, 1)[self.tensor(wanted)]).float()
        return logits, self.tensor(batch.targets.reshape(-1)[wanted]), probing

    def tensor(self, array): return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def labels(self, pictures, grid, indices):
        return {name: self.tensor(values[indices]) for name, values in pictures.labels[grid].items()}

    def normalised(self, pixels, r=None):
        """Normalises pixels. In training, the light varies a little."""
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().mul_(1 / 127.5).sub_(1)
        if r is not None:
            gain, shift = (torch.from_numpy(r.uniform(-1, 1, (len(pixels), 1, 1, 1)).astype(np.float32))
                           for _ in range(2))
            x = x * (1 + 0.04 * gain) + 0.03 * shift
        return x.bfloat16().to(self.device)

    # ---- progress

    def note(self, name, loss, right):
        for key, value in {name: loss, **{f'{name} {key}': value for key, value in right.items()}}.items():
            self.seen[key] = value if key not in self.seen else 0.97 * self.seen[key] + 0.03 * value

    def log(self, stage):
        if self.worker == 0:
            print(f'{time.time() - self.began:6.0f} s  step {self.number} {stage}  '
                  + '  '.join(f'{key} {value:.3f}' for key, value in self.seen.items()), flush=True)

    @torch.no_grad()
    def check(self, stage):
        """Prints the share of right answers by task, for held-out images, greedily decoded, token by token."""
        if self.worker == 0 and stage != 'vision':
            source = batches(f'{SEED}/check', 0, self.held_back, self.tokenizer, 12, False, BUDGET)
            asked, right = Counter(), Counter()
            for batch in (next(source) for _ in range(50)):
                logits, targets, _ = self.answers(self.held_back, batch)
                good = np.ones(batch.targets.size, bool)
                wanted = np.flatnonzero(batch.targets.reshape(-1) != IGNORED)
                good[wanted] = (logits.argmax(-1) == targets).cpu().numpy()
                good = good.reshape(batch.targets.shape)
                for row, first, last, turn in batch.answers:
                    asked[turn.task] += 1
                    right[turn.task] += bool(good[row, first:last].all())
            print('check  ' + '  '.join(f'{task} {right[task]}/{number}' for task, number in sorted(asked.items()))
                  + f'  all {sum(right.values()) / sum(asked.values()):.3f}', flush=True)
        self.barrier.wait()

    def save(self):
        if self.worker == 0:
            path = f'{self.options.folder}/checkpoint.pt'
            torch.save({'step': self.number, 'shape': self.model.description(),
                        **{name: tensor.clone() for name, tensor in self.shared.items()}}, path + '.half')
            os.replace(path + '.half', path)
        self.barrier.wait()


if __name__ == '__main__': main()
