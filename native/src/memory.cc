#include "memory.h"

#include <stdexcept>

namespace {

constexpr llama_state_seq_flags RECURRENT = LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY;

}  // namespace

Rewind rewind_of(const llama_context * context) {
    const llama_model * model = llama_get_model(context);
    if (llama_model_n_swa(model) != 0) return Rewind::NEVER;
    const bool recurrent = llama_model_is_recurrent(model) || llama_model_is_hybrid(model);
    return recurrent ? Rewind::CHECKPOINTS : Rewind::ANYWHERE;
}

bool forget_from(llama_context * context, llama_seq_id sequence, llama_pos from) {
    // A recurrent memory refuses by itself and then changes nothing.
    if (from > 0 && rewind_of(context) == Rewind::NEVER) return false;
    return llama_memory_seq_rm(llama_get_memory(context), sequence, from, -1);
}

void save_state(llama_context * context, llama_seq_id sequence, std::vector<uint8_t> & state) {
    if (rewind_of(context) != Rewind::CHECKPOINTS) throw std::runtime_error("The memory has no recurrent state");
    const size_t size = llama_state_seq_get_size_ext(context, sequence, RECURRENT);
    state.resize(size);
    if (size == 0 || llama_state_seq_get_data_ext(context, state.data(), size, sequence, RECURRENT) != size) {
        throw std::runtime_error("llama.cpp cannot save the state of the sequence");
    }
}

void restore_state(
    llama_context * context, llama_seq_id sequence, const std::vector<uint8_t> & state, llama_pos from
) {
    const size_t read = llama_state_seq_set_data_ext(context, state.data(), state.size(), sequence, RECURRENT);
    // In this order: the recurrent part refuses to remove positions before its state is replaced.
    if (read != state.size() || !llama_memory_seq_rm(llama_get_memory(context), sequence, from, -1)) {
        throw std::runtime_error("llama.cpp cannot restore the state of the sequence");
    }
}
