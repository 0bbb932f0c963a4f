"""A small Qwen2-VL: encoder, patch merger and language model, with the same computation as llama.cpp's qwen2vl graphs.

Source: "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution" (arXiv 2409.12191). This
file is plain PyTorch. ops.py contains the operations that are slow on a CPU, also in fused form.
"""
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

import ops


@dataclass
class Shape:
    """Sizes of the model.

    `sections`: numbers of successive rotary pairs that turn by time, height and width, repeated over a head, so that
    each axis has fast and slow pairs. Qwen2-VL gives each axis one block of pairs; then the pairs for columns hardly
    turn within a small image.
    """
    vocabulary: int
    width: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 640
    sections: tuple = (1, 1, 1, 0)
    vision_width: int = 128
    vision_layers: int = 4
    vision_heads: int = 4
    vision_hidden: int = 512
    patch: int = 14
    context: int = 4096
    rope_base: float = 10_000.0
    epsilon: float = 1e-6


class VisionBlock(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, hidden = shape.vision_width, shape.vision_hidden
        self.heads, self.epsilon = shape.vision_heads, shape.epsilon
        self.ln1, self.ln2 = nn.LayerNorm(width, shape.epsilon), nn.LayerNorm(width, shape.epsilon)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x, cos, sin):
        y = ops.layer_norm(x, self.ln1.weight, self.ln1.bias, self.epsilon)
        x = x + self.out(ops.attention(self.qkv(y), cos, sin, self.heads, self.heads, False))
        y = ops.layer_norm(x, self.ln2.weight, self.ln2.bias, self.epsilon)
        return x + self.down(ops.quick_gelu(self.up(y)))


class Vision(nn.Module):
    """Encodes images of one size, normalised to -1..1.

    [B, 3, rows * 28, columns * 28] -> embeddings [B, rows * columns, width]
    """

    def __init__(self, shape):
        super().__init__()
        width = shape.vision_width
        self.patch_size, self.head, self.epsilon = shape.patch, width // shape.vision_heads, shape.epsilon
        self.patch = nn.Linear(3 * shape.patch ** 2, width, bias=False)
        self.blocks = nn.ModuleList(VisionBlock(shape) for _ in range(shape.vision_layers))
        self.norm = nn.LayerNorm(width, shape.epsilon)
        self.merge1, self.merge2 = nn.Linear(4 * width, 4 * width), nn.Linear(4 * width, shape.width)
        self.turns = {}

    def rotary(self, rows, columns, device):
        """Half of the pairs turn by the patch's row, half by its column. Patches are in the order of 2 x 2 groups."""
        if (rows, columns) not in self.turns:
            frequencies = 10_000.0 ** (-4.0 * torch.arange(self.head // 4) / self.head)
            y, x = torch.meshgrid(torch.arange(2 * rows), torch.arange(2 * columns), indexing='ij')
            grouped = [axis.reshape(rows, 2, columns, 2).permute(0, 2, 1, 3).reshape(-1, 1).float() for axis in (y, x)]
            angles = torch.cat([axis * frequencies for axis in grouped], -1)[None]
            self.turns[rows, columns] = angles.cos().to(device), angles.sin().to(device)
        return self.turns[rows, columns]

    def forward(self, pictures):
        batch, _, height, width = pictures.shape
        p = self.patch_size
        rows, columns = height // (2 * p), width // (2 * p)
        x = pictures.view(batch, 3, rows, 2, p, columns, 2, p).permute(0, 2, 5, 3, 6, 1, 4, 7)
        x = x.reshape(batch, rows * columns * 4, 3 * p * p)
        x, (cos, sin) = self.patch(x), self.rotary(rows, columns, pictures.device)
        for block in self.blocks: x = block(x, cos, sin)
        x = ops.layer_norm(x, self.norm.weight, self.norm.bias, self.epsilon).reshape(batch, rows * columns, -1)
        return self.merge2(F.gelu(self.merge1(x), approximate='tanh'))


class RMSNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x): return ops.rms_norm(x, self.weight, self.epsilon)


class TextBlock(nn.Module):
    def __init__(self, shape):
        super().__init__()
        head = shape.width // shape.heads
        self.heads, self.kv_heads = shape.heads, shape.kv_heads
        self.norm1, self.norm2 = RMSNorm(shape.width, shape.epsilon), RMSNorm(shape.width, shape.epsilon)
        self.qkv = nn.Linear(shape.width, shape.width + 2 * shape.kv_heads * head)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x, cos, sin):
        x = x + self.out(ops.attention(self.qkv(self.norm1(x)), cos, sin, self.heads, self.kv_heads, True))
        return x + self.down(ops.swiglu(self.gate_up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape, self.vision = shape, Vision(shape)
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(TextBlock(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)
        pairs = shape.width // shape.heads // 2
        self.frequencies = shape.rope_base ** (-torch.arange(pairs) / pairs)
        axes = torch.repeat_interleave(torch.arange(3), torch.tensor(shape.sections[:3]))
        self.axes = axes.repeat(-(-pairs // len(axes)))[:pairs]
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                gain = 0.5 if name.endswith(('out.weight', 'down.weight')) else 1.0
                nn.init.normal_(parameter, std=0.02 if 'embedding' in name else gain * parameter.shape[1] ** -0.5)
            elif name.endswith('bias'): nn.init.zeros_(parameter)

    def hidden(self, x, positions, watched=()):
        """@param x embeddings [B, T, width]
        @param positions time, height, width [B, T, 3]
        @param watched numbers of layers, from 1
        @returns the last hidden states, normalised, and a list of the outputs of the watched layers
        """
        angles = positions.float()[..., self.axes.to(x.device)] * self.frequencies.to(x.device)
        cos, sin, seen = angles.cos().contiguous(), angles.sin().contiguous(), []
        for number, block in enumerate(self.blocks, 1):
            x = block(x, cos, sin)
            if number in watched: seen.append(x)
        return self.norm(x), seen

    def logits(self, hidden): return F.linear(hidden, self.embedding.weight)

    def description(self): return asdict(self.shape)


def positions(parts):
    """M-RoPE positions as in mtmd. A text token has the same position three times. An image at p has time p, height
    p + row and width p + column; the next token is at p + max(rows, columns).

    @param parts numbers of text tokens, and (rows, columns) of images, in order
    @returns a triple for each token
    """
    out, at = [], 0
    for part in parts:
        if isinstance(part, tuple):
            rows, columns = part
            out += [(at, at + row, at + column) for row in range(rows) for column in range(columns)]
            at += max(part)
        else:
            out += [(i, i, i) for i in range(at, at + part)]
            at += part
    return out
