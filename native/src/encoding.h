#pragma once

#include <atomic>
#include <vector>

#include "llama.h"
#include "mtmd.h"

/** The result of an encoding: embeddings and M-RoPE positions of one image. */
struct Encoding {
    std::vector<float> embeddings;             // [tokens × width of the model's input embedding]
    std::vector<mtmd_decoder_pos> positions;   // [tokens], relative to the start of the image
    int32_t tokens = 0;                        // also the number of KV cells
    llama_pos span = 0;                        // number of positions: max(columns, rows) with M-RoPE
    bool mrope = false;
};

/** The tokens [offset, offset + count) of an image whose first token is at `position` in the sequence. */
struct Slice {
    llama_seq_id sequence;
    llama_pos position;
    int32_t offset;
    int32_t count;
};

/**
 * Decodes a slice. The caller has checked that the slice fits the image and the context. Throws std::runtime_error when
 * llama.cpp fails, or when `cancelled` (may be null) became true; in the second case, the image and all later positions
 * are removed from the sequence.
 */
void decode_slice(llama_context * context, const Encoding & encoding, const Slice & slice, int32_t threads,
    const std::atomic<bool> * cancelled);
