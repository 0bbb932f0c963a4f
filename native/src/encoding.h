#pragma once

#include <atomic>
#include <vector>

#include "llama.h"
#include "mtmd.h"

/** What an encoding leaves: the embeddings of one image and the M-RoPE positions of its tokens, relative to its start. */
struct Encoding {
    std::vector<float> embeddings;             // [tokens × width of the model's input embedding]
    std::vector<mtmd_decoder_pos> positions;   // [tokens], for an image that starts at position 0
    int32_t tokens = 0;                        // KV cells
    llama_pos span = 0;                        // positions that the image takes: max(columns, rows) with M-RoPE
    bool mrope = false;
};

/** Tokens [offset, offset + count) of an image that starts at `position` in a sequence. */
struct Slice {
    llama_seq_id sequence;
    llama_pos position;
    int32_t offset;
    int32_t count;
};

/**
 * Decodes a slice, which the caller has checked against the image and the context. Throws std::runtime_error when
 * llama.cpp fails, and when it gave up because `cancelled`, which may be null, became true: then the sequence holds
 * nothing from the image's start on.
 */
void decode_slice(llama_context * context, const Encoding & encoding, const Slice & slice, int32_t threads,
    const std::atomic<bool> * cancelled);
