#pragma once

#include <cstdint>
#include <vector>

#include "llama.h"

/** How far the memory of a model can be taken back. */
enum class Rewind {
    ANYWHERE,     // attention: every cell can be removed
    CHECKPOINTS,  // recurrent layers: their state can only be replaced by a saved one
    NEVER,        // sliding window: old cells were discarded without notice
};

Rewind rewind_of(const llama_context * context);

/**
 * Removes the position `from` and all later ones from a sequence. Returns false and removes nothing when the memory
 * cannot be cut there. A cut at position 0 always succeeds, and so does one behind the last position, except with a
 * sliding window.
 */
bool forget_from(llama_context * context, llama_seq_id sequence, llama_pos from);

/**
 * Copies the recurrent state of a sequence to `state`, whose memory is reused. Throws std::runtime_error when the
 * memory has no such state.
 */
void save_state(llama_context * context, llama_seq_id sequence, std::vector<uint8_t> & state);

/**
 * Replaces the recurrent state of a sequence by one that `save_state` copied from the same sequence before `from` was
 * decoded, and removes `from` and all later positions. Throws std::runtime_error when llama.cpp refuses; the content
 * of the sequence is unknown then.
 */
void restore_state(
    llama_context * context, llama_seq_id sequence, const std::vector<uint8_t> & state, llama_pos from);
