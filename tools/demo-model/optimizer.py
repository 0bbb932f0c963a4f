"""Muon for matrices and Adam for other parameters, divided among the workers.

Muon: Keller Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024). The update of a matrix is its
momentum, made orthogonal by five Newton-Schulz steps.
"""
import torch

MOMENTUM, DECAY = 0.95, 0.03
TOWER = ('model.vision.', 'probes.seen.')
ADAM = (0.9, 0.98, 1e-8)


def orthogonal(matrix):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    if tall: x = x.t()
    x = (x / (x.norm() + 1e-7)).contiguous()
    for _ in range(5):
        square = x @ x.t()
        x = a * x + (b * square + c * square @ square) @ x
    return (x.t() if tall else x).float()


def pieces(name, parameter, shape):
    """Rows that Muon treats as one matrix: queries, keys and values are three, gate and up two. None for Adam."""
    if parameter.dim() != 2 or 'embedding' in name or not name.startswith('model.'): return None
    rows = parameter.shape[0]
    if 'qkv' in name:
        if 'vision' in name: return [rows // 3] * 3
        keys = shape.width // shape.heads * shape.kv_heads
        return [shape.width, keys, keys]
    return [rows // 2] * 2 if 'gate_up' in name else [rows]


class Optimizer:
    """Updates flat shared tensors `weights`, `first` and `second` of all parameters. Each worker updates a part."""

    def __init__(self, named, shape, shared, worker, workers):
        self.shared, self.mine = shared, []
        loads, at = [0] * workers, 0
        for name, parameter in named:
            size, rows = parameter.numel(), pieces(name, parameter, shape)
            least = loads.index(min(loads))
            loads[least] += size * (12 if rows else 1)
            if least == worker:
                self.mine.append((at, size, parameter.shape, rows, parameter.dim() == 2, name.startswith(TOWER)))
            at += size

    @torch.no_grad()
    def step(self, gradients, number, matrix_rate, rate, moving='all'):
        """@param gradients of all workers, flat
        @param number number of the step, from 1
        @param moving the part that is updated: `tower`, `language` or `all`
        """
        for at, size, shape, rows, decays, is_tower in self.mine:
            if moving != 'all' and is_tower != (moving == 'tower'): continue
            part = slice(at, at + size)
            gradient = sum(own[part] for own in gradients) / len(gradients)
            weights, first, second = (self.shared[name][part] for name in ('weights', 'first', 'second'))
            if rows:
                first.mul_(MOMENTUM).add_(gradient)
                wanted = (gradient + MOMENTUM * first).view(shape)
                weights.mul_(1 - matrix_rate * DECAY)
                for piece, view in zip(wanted.split(rows), weights.view(shape).split(rows)):
                    view.sub_(orthogonal(piece), alpha=matrix_rate * max(1, piece.shape[0] / piece.shape[1]) ** 0.5)
            else:
                one, two, epsilon = ADAM
                first.mul_(one).add_(gradient, alpha=1 - one)
                second.mul_(two).addcmul_(gradient, gradient, value=1 - two)
                if decays: weights.mul_(1 - rate * DECAY)
                weights.addcdiv_(first / (1 - one ** number), (second / (1 - two ** number)).sqrt().add_(epsilon),
                                 value=-rate)
