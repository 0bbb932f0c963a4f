"""Writes GGUF files, version 3 (ggml/docs/gguf.md): metadata, then tensors in F32, F16 or Q8_0."""
import struct

import numpy as np

ALIGNMENT = 32
# ggml's tensor types
F32, F16, Q8_0 = 0, 1, 8
# their values for general.file_type
FILE_TYPES = {F32: 0, F16: 1, Q8_0: 7}
U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
BLOCK = 32


def text(value):
    data = value.encode()
    return struct.pack('<Q', len(data)) + data


def encoded(value):
    """Encodes a value after its type. A list contains strings, integers or floats: 1.0 is a float, 1 is an integer."""
    if isinstance(value, bool): return struct.pack('<IB', BOOL, value)
    if isinstance(value, int): return struct.pack('<II', U32, value)
    if isinstance(value, float): return struct.pack('<If', FLOAT, value)
    if isinstance(value, str): return struct.pack('<I', STRING) + text(value)
    kind = STRING if isinstance(value[0], str) else FLOAT if isinstance(value[0], float) else I32
    items = b''.join(text(item) if kind == STRING else struct.pack('<f' if kind == FLOAT else '<i', item)
                     for item in value)
    return struct.pack('<IIQ', ARRAY, kind, len(value)) + items


def q8_0(array):
    """Encodes blocks of 32 along the last dimension: a 16-bit scale and 32 signed bytes."""
    blocks = array.reshape(-1, BLOCK).astype(np.float32)
    scales = np.abs(blocks).max(1, keepdims=True) / 127
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    rounded = np.trunc(blocks * inverse + np.copysign(0.5, blocks)).astype(np.int8)
    return np.concatenate((scales.astype('<f2').view(np.uint8), rounded.view(np.uint8)), 1).tobytes()


def tensor(array, kind):
    """Encodes a tensor. Vectors have 32 bits, matrices whose rows are not whole blocks 16. @returns type and bytes"""
    if array.ndim == 1 or kind == F32: return F32, array.astype('<f4').tobytes()
    if kind == F16 or array.shape[-1] % BLOCK: return F16, array.astype('<f2').tobytes()
    return Q8_0, q8_0(array)


def write(path, metadata, tensors, kind):
    """Writes a file.

    @param tensors arrays by name; the last dimension of an array is the first one in GGUF
    @param kind type of matrices
    """
    metadata = {**metadata, 'general.file_type': FILE_TYPES[kind], 'general.quantization_version': 2}
    head, body = bytearray(b'GGUF' + struct.pack('<IQQ', 3, len(tensors), len(metadata))), bytearray()
    for key, value in metadata.items(): head += text(key) + encoded(value)
    for name, array in tensors.items():
        stored, data = tensor(np.ascontiguousarray(array), kind)
        head += text(name) + struct.pack(f'<I{array.ndim}QIQ', array.ndim, *reversed(array.shape), stored, len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    with open(path, 'wb') as file: file.write(head + bytes(-len(head) % ALIGNMENT) + body)
