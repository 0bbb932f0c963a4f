"""Writes the two GGUF files of a checkpoint: `python3 export.py FOLDER OUT`."""
import sys

import torch
from torch import nn

import gguf
from model import Model, Shape
from prepare import MAX_TOKENS, MIN_TOKENS, TOKEN
from probes import Probes
from tokenizer import SPECIAL, Tokenizer

NAME = 'tiny-qwen2-vl'
LICENSE = 'MIT'
# The format of Qwen2-VL: ChatML, a default system message, each image between two marks
TEMPLATE = '''{%- if messages[0].role != 'system' -%}
<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type in ('image', 'image_url') -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'text' -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}'''


def text_metadata(shape, tokenizer):
    end = tokenizer.special('endoftext')
    return {
        'general.architecture': 'qwen2vl', 'general.type': 'model', 'general.name': NAME, 'general.license': LICENSE,
        'general.description': 'A tiny demonstration model with the architecture of Qwen2-VL: drawn shapes, colours, '
                               'numbers and words',
        'qwen2vl.block_count': shape.layers, 'qwen2vl.context_length': shape.context,
        'qwen2vl.embedding_length': shape.width, 'qwen2vl.feed_forward_length': shape.hidden,
        'qwen2vl.attention.head_count': shape.heads, 'qwen2vl.attention.head_count_kv': shape.kv_heads,
        'qwen2vl.attention.layer_norm_rms_epsilon': shape.epsilon, 'qwen2vl.rope.freq_base': shape.rope_base,
        'qwen2vl.rope.dimension_sections': list(shape.sections), 'qwen2vl.vocab_size': shape.vocabulary,
        'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'qwen2', 'tokenizer.ggml.tokens': tokenizer.tokens,
        'tokenizer.ggml.token_type': [1] * len(tokenizer.plain) + [3] * len(SPECIAL),
        'tokenizer.ggml.merges': [' '.join(pair) for pair in tokenizer.merges],
        'tokenizer.ggml.bos_token_id': end, 'tokenizer.ggml.eos_token_id': tokenizer.special('im_end'),
        'tokenizer.ggml.padding_token_id': end,
        'tokenizer.ggml.add_bos_token': False, 'tokenizer.chat_template': TEMPLATE,
    }


def vision_metadata(shape):
    return {
        'general.architecture': 'clip', 'general.type': 'mmproj', 'general.name': NAME, 'general.license': LICENSE,
        'clip.has_vision_encoder': True, 'clip.projector_type': 'qwen2vl_merger', 'clip.vision.image_size': 560,
        'clip.vision.patch_size': shape.patch,
        'clip.vision.embedding_length': shape.vision_width, 'clip.vision.feed_forward_length': shape.vision_hidden,
        'clip.vision.block_count': shape.vision_layers, 'clip.vision.projection_dim': shape.width,
        'clip.vision.attention.head_count': shape.vision_heads,
        'clip.vision.attention.layer_norm_epsilon': shape.epsilon, 'clip.vision.image_mean': [0.5] * 3,
        'clip.vision.image_std': [0.5] * 3,
        'clip.vision.spatial_merge_size': 2, 'clip.vision.image_min_pixels': MIN_TOKENS * TOKEN ** 2,
        'clip.vision.image_max_pixels': MAX_TOKENS * TOKEN ** 2,
    }


def split(name, array, names, rows):
    return {f'{name}_{part}': piece for part, piece in zip(names, torch.split(array, rows))}


def text_tensors(weights, shape):
    width, keys, out = shape.width, shape.width // shape.heads * shape.kv_heads, {}
    for i in range(shape.layers):
        own = {name.removeprefix(f'blocks.{i}.'): value for name, value in weights.items()
               if name.startswith(f'blocks.{i}.')}
        block = {'attn_norm.weight': own['norm1.weight'], 'ffn_norm.weight': own['norm2.weight'],
                 'attn_output.weight': own['out.weight'],
                 **split('ffn', own['gate_up.weight'], ('gate.weight', 'up.weight'), shape.hidden),
                 'ffn_down.weight': own['down.weight']}
        for kind in ('weight', 'bias'):
            block.update(split('attn', own[f'qkv.{kind}'], (f'q.{kind}', f'k.{kind}', f'v.{kind}'),
                               [width, keys, keys]))
        out.update({f'blk.{i}.{name}': value for name, value in block.items()})
    return {'token_embd.weight': weights['embedding.weight'], 'output_norm.weight': weights['norm.weight'], **out}


def vision_tensors(weights, shape):
    # The model applies two kernels to an image and adds their outputs.
    kernel = weights['patch.weight'].view(-1, 3, shape.patch, shape.patch) / 2
    out = {'v.patch_embd.weight': kernel, 'v.patch_embd.weight.1': kernel}
    for i in range(shape.vision_layers):
        own = {name.removeprefix(f'blocks.{i}.'): value for name, value in weights.items()
               if name.startswith(f'blocks.{i}.')}
        for kind in ('weight', 'bias'):
            block = {f'{layer}.{kind}': own[f'{layer}.{kind}'] for layer in ('ln1', 'ln2')}
            block.update(split('attn', own[f'qkv.{kind}'], (f'q.{kind}', f'k.{kind}', f'v.{kind}'), shape.vision_width))
            block.update({f'attn_out.{kind}': own[f'out.{kind}'], f'ffn_up.{kind}': own[f'up.{kind}'],
                          f'ffn_down.{kind}': own[f'down.{kind}']})
            out.update({f'v.blk.{i}.{name}': value for name, value in block.items()})
    for kind in ('weight', 'bias'):
        out.update({f'v.post_ln.{kind}': weights[f'norm.{kind}'], f'mm.0.{kind}': weights[f'merge1.{kind}'],
                    f'mm.2.{kind}': weights[f'merge2.{kind}']})
    return out


def load(folder):
    """Loads the model of a checkpoint in 32 bits, and its tokenizer."""
    saved = torch.load(f'{folder}/checkpoint.pt', map_location='cpu')
    tokenizer = Tokenizer.load(f'{folder}/tokenizer.json')
    shape = Shape(**saved['shape'])
    net = nn.ModuleDict({'model': Model(shape), 'probes': Probes(shape.width)})
    at = 0
    for parameter in net.parameters():
        parameter.data.copy_(saved['weights'][at:at + parameter.numel()].view(parameter.shape))
        at += parameter.numel()
    return net['model'], tokenizer, saved['step']


def export(folder, out):
    model, tokenizer, step = load(folder)
    weights = {name: value.detach() for name, value in model.state_dict().items()}
    vision = {name.removeprefix('vision.'): value for name, value in weights.items() if name.startswith('vision.')}
    files = {f'{NAME}-q8_0.gguf': (text_metadata(model.shape, tokenizer), text_tensors(weights, model.shape),
                                   gguf.Q8_0),
             f'mmproj-{NAME}-f16.gguf': (vision_metadata(model.shape), vision_tensors(vision, model.shape), gguf.F16)}
    for name, (metadata, tensors, kind) in files.items():
        gguf.write(f'{out}/{name}', metadata, {key: value.numpy() for key, value in tensors.items()}, kind)
    print(f'step {step}: {", ".join(files)} in {out}')


if __name__ == '__main__': export(*sys.argv[1:3])
