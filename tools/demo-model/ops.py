"""Norms, attention and activations in plain PyTorch, and fused (kernels.c) for bfloat16 on a CPU.

On a CPU the plain operations take most of the time. The fused ones are compiled on first use. Without a C compiler
everything works, but slower.
"""
import ctypes
import hashlib
import os
import subprocess
import sys

import torch
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


def build():
    """@returns the library, or None without a compiler"""
    source = os.path.join(HERE, 'kernels.c')
    with open(source, 'rb') as file: digest = hashlib.sha256(file.read()).hexdigest()[:12]
    target = os.path.join(os.environ.get('TRAIN_DIR', os.path.join(HERE, 'out')), f'kernels-{digest}.so')
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        half = f'{target}.{os.getpid()}'
        command = [os.environ.get('CC', 'cc'), '-O3', '-march=native', '-ffast-math', '-shared', '-fPIC', '-o', half,
                   source, '-lm']
        try: subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f'no fused kernels ({error}): training will be several times slower', file=sys.stderr)
            return None
        os.replace(half, target)
    return ctypes.CDLL(target)


LIBRARY = None if os.environ.get('PLAIN_OPS') else build()


def fused(x): return LIBRARY is not None and x.dtype == torch.bfloat16 and x.device.type == 'cpu'


def pointer(tensor): return ctypes.c_void_p(0 if tensor is None else tensor.data_ptr())


def call(name, *arguments):
    getattr(LIBRARY, name)(*(pointer(value) if value is None or isinstance(value, torch.Tensor)
                             else ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)
                             for value in arguments))


# ---------------------------------------------------------------- norms

def layer_norm(x, weight, bias, epsilon):
    return (FusedNorm.apply(x, weight, bias, epsilon) if fused(x)
            else F.layer_norm(x, x.shape[-1:], weight, bias, epsilon))


def rms_norm(x, weight, epsilon):
    if fused(x): return FusedNorm.apply(x, weight, None, epsilon)
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype) * weight.to(x.dtype)


class FusedNorm(torch.autograd.Function):
    """LayerNorm, or RMSNorm without a bias."""

    @staticmethod
    def forward(context, x, weight, bias, epsilon):
        x = x.contiguous()
        width = x.shape[-1]
        rows = x.numel() // width
        y, statistics = torch.empty_like(x), torch.empty(rows, 2)
        call('norm_forward', x, weight, bias, y, statistics, rows, width, float(epsilon))
        context.save_for_backward(x, weight, statistics)
        context.centred = bias is not None
        return y

    @staticmethod
    def backward(context, dy):
        x, weight, statistics = context.saved_tensors
        dy, width = dy.contiguous(), x.shape[-1]
        dx, dweight, dbias = torch.empty_like(x), torch.zeros(width), torch.zeros(width)
        call('norm_backward', dy, x, weight, statistics, dx, dweight, dbias, x.numel() // width, width,
             int(context.centred))
        return dx, dweight.to(weight.dtype), dbias.to(weight.dtype) if context.centred else None, None


# ---------------------------------------------------------------- activations

def quick_gelu(x): return FusedQuickGelu.apply(x) if fused(x) else x * torch.sigmoid(1.702 * x)


class FusedQuickGelu(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        x = x.contiguous()
        y = torch.empty_like(x)
        call('quick_gelu_forward', x, y, x.numel())
        context.save_for_backward(x)
        return y

    @staticmethod
    def backward(context, dy):
        x, = context.saved_tensors
        dx = torch.empty_like(x)
        call('quick_gelu_backward', x, dy.contiguous(), dx, x.numel())
        return dx


def swiglu(x):
    """silu(first half) * second half"""
    if fused(x): return FusedSwiglu.apply(x)
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


class FusedSwiglu(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        x, width = x.contiguous(), x.shape[-1] // 2
        y = x.new_empty(*x.shape[:-1], width)
        call('swiglu_forward', x, y, y.numel() // width, width)
        context.save_for_backward(x)
        return y

    @staticmethod
    def backward(context, dy):
        x, = context.saved_tensors
        dx, width = torch.empty_like(x), x.shape[-1] // 2
        call('swiglu_backward', x, dy.contiguous(), dx, dy.numel() // width, width)
        return dx


# ---------------------------------------------------------------- attention

def rotate(x, cos, sin):
    """Pairs (j, j + half) of the last dimension turn together."""
    left, right = x.chunk(2, -1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)


def attention(qkv, cos, sin, heads, kv_heads, causal):
    """@param qkv [B, T, (heads + 2 * kv_heads) * head]
    @param cos, sin float [B or 1, T, head / 2]
    @returns [B, T, heads * head]
    """
    if fused(qkv): return FusedAttention.apply(qkv, cos, sin, heads, kv_heads, causal)
    batch, tokens, width = qkv.shape
    head = width // (heads + 2 * kv_heads)
    q, k, v = qkv.view(batch, tokens, -1, head).transpose(1, 2).split((heads, kv_heads, kv_heads), 1)
    cos, sin = cos[:, None].to(qkv.dtype), sin[:, None].to(qkv.dtype)
    q, k = rotate(q, cos, sin) * head ** -0.5, rotate(k, cos, sin)
    group = heads // kv_heads
    scores = q @ k.repeat_interleave(group, 1).transpose(-1, -2)
    if causal: scores = scores + torch.full((tokens, tokens), -1e9, dtype=scores.dtype, device=scores.device).triu(1)
    return (scores.softmax(-1) @ v.repeat_interleave(group, 1)).transpose(1, 2).reshape(batch, tokens, heads * head)


class FusedAttention(torch.autograd.Function):
    """Groups heads that share a key as rows of one product."""

    @staticmethod
    def forward(context, qkv, cos, sin, heads, kv_heads, causal):
        qkv = qkv.contiguous()
        batch, tokens, width = qkv.shape
        head, group = width // (heads + 2 * kv_heads), heads // kv_heads
        q, k, v = (qkv.new_empty(batch * kv_heads, rows * tokens, head) for rows in (group, 1, 1))
        sizes = batch, tokens, heads, kv_heads, head, cos.shape[0]
        call('split_forward', qkv, cos, sin, q, k, v, *sizes, head ** -0.5)
        weights = torch.bmm(q, k.transpose(1, 2))
        call('softmax_forward', weights, batch * heads, tokens, int(causal))
        out = torch.bmm(weights, v).view(batch, heads, tokens, head).transpose(1, 2)
        out = out.reshape(batch, tokens, heads * head)
        context.save_for_backward(q, k, v, weights, cos, sin)
        context.sizes, context.causal = sizes, causal
        return out

    @staticmethod
    def backward(context, dout):
        q, k, v, weights, cos, sin = context.saved_tensors
        batch, tokens, heads, kv_heads, head, turns = context.sizes
        dout = dout.view(batch, tokens, heads, head).transpose(1, 2).reshape(q.shape)
        dv = torch.bmm(weights.transpose(1, 2), dout)
        dweights = torch.bmm(dout, v.transpose(1, 2))
        call('softmax_backward', weights, dweights, batch * heads, tokens, int(context.causal))
        dq, dk = torch.bmm(dweights, k).contiguous(), torch.bmm(dweights.transpose(1, 2), q).contiguous()
        dqkv = q.new_empty(batch, tokens, (heads + 2 * kv_heads) * head)
        call('split_backward', dqkv, cos, sin, dq, dk, dv.contiguous(), *context.sizes, head ** -0.5)
        return dqkv, None, None, None, None, None
