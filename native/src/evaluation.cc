#include "evaluation.h"

#include <stdexcept>
#include <string>

#include "abort-guard.h"
#include "memory.h"

namespace {

/** A llama_batch that owns its arrays. */
class Batch {
public:
    int32_t size() const { return static_cast<int32_t>(tokens_.size()); }

    void add(llama_token token, llama_seq_id sequence, llama_pos position, bool logits) {
        tokens_.push_back(token);
        sequences_.push_back(sequence);
        positions_.push_back(position);
        logits_.push_back(logits);
    }

    int32_t decode(llama_context * context) {
        std::vector<int32_t> counts(tokens_.size(), 1);
        std::vector<llama_seq_id *> pointers;
        for (llama_seq_id & sequence : sequences_) pointers.push_back(&sequence);
        llama_batch batch = {};
        batch.n_tokens = size();
        batch.token = tokens_.data();
        batch.pos = positions_.data();
        batch.n_seq_id = counts.data();
        batch.seq_id = pointers.data();
        batch.logits = logits_.data();
        return llama_decode(context, batch);
    }

private:
    std::vector<llama_token> tokens_;
    std::vector<llama_seq_id> sequences_;
    std::vector<llama_pos> positions_;
    std::vector<int8_t> logits_;
};

}  // namespace

Evaluation::Evaluation(llama_context * context, std::vector<Item> items, size_t most_fillers, int32_t threads)
    : context_(context), items_(std::move(items)), most_fillers_(most_fillers), threads_(threads), rows_(items_.size()),
      next_(items_.size(), NOT_ASKED) {}

void Evaluation::run(const std::atomic<bool> * cancelled) {
    const AbortGuard guard(context_, cancelled);
    llama_set_n_threads(context_, threads_, threads_);
    const size_t room = llama_n_batch(context_);
    for (size_t begin = 0, end = 0; begin < items_.size(); begin = end) {
        size_t tokens = 0;
        while (end < items_.size() && tokens + items_[end].tokens.size() <= room) tokens += items_[end++].tokens.size();
        const int32_t status = run_batch(begin, end);
        if (status == AbortGuard::ABORTED) throw std::runtime_error("The evaluation was cancelled");
        if (status == 1) throw std::runtime_error("The KV cache has no free cells");
        if (status != 0) throw std::runtime_error("llama_decode failed, status " + std::to_string(status));
    }
    llama_synchronize(context_);
}

/** Decodes the items [begin, end) in one batch and samples. Returns the status of llama_decode. */
int32_t Evaluation::run_batch(size_t begin, size_t end) {
    const std::vector<Filler> fillers = find_fillers(begin, end);
    int32_t status = decode(begin, end, fillers);
    // Status 1: a filler needed a cell that was not free. Nothing was decoded, so the batch can be tried without
    // fillers.
    if (status == 1 && !fillers.empty()) status = decode(begin, end, {});
    if (status != 0) return status;
    for (const auto & [sequence, position] : fillers) {
        llama_memory_seq_rm(llama_get_memory(context_), sequence, position, -1);
    }
    for (size_t i = begin; i < end; i++) {
        if (items_[i].sampling) next_[i] = sample(*items_[i].sampling, rows_[i]);
    }
    return 0;
}

int32_t Evaluation::decode(size_t begin, size_t end, const std::vector<Filler> & fillers) {
    Batch batch;
    auto filler = fillers.begin();
    for (size_t i = begin; i < end; i++) {
        const Item & item = items_[i];
        for (; filler != fillers.end() && filler->sequence < item.sequence; filler++) {
            batch.add(item.tokens[0], filler->sequence, filler->position, false);
        }
        for (size_t j = 0; j < item.tokens.size(); j++) {
            const bool last = j + 1 == item.tokens.size();
            batch.add(item.tokens[j], item.sequence, item.position + static_cast<llama_pos>(j), last && item.sampling);
        }
        rows_[i] = batch.size() - 1;
    }
    return batch.decode(context_);
}

/**
 * Returns a filler for each sequence that is missing between the sequences of the items, or none at all when that
 * would be more than `most_fillers_` or more than fits the batch.
 */
std::vector<Evaluation::Filler> Evaluation::find_fillers(size_t begin, size_t end) const {
    std::vector<Filler> fillers;
    if (most_fillers_ == 0 || rewind_of(context_) != Rewind::ANYWHERE) return fillers;
    size_t tokens = items_[begin].tokens.size();
    for (size_t i = begin + 1; i < end; i++) {
        tokens += items_[i].tokens.size();
        for (llama_seq_id sequence = items_[i - 1].sequence + 1; sequence < items_[i].sequence; sequence++) {
            fillers.push_back({ sequence, llama_memory_seq_pos_max(llama_get_memory(context_), sequence) + 1 });
        }
    }
    if (fillers.size() > most_fillers_ || tokens + fillers.size() > llama_n_batch(context_)) fillers.clear();
    return fillers;
}

int32_t Evaluation::sample(Sampling & sampling, int32_t row) {
    const float * logits = llama_get_logits_ith(context_, row);
    try {
        const llama_token token = logits ? sampling.next(logits) : Sampling::NONE;
        return token == Sampling::NONE ? NONE_LEFT : token;
    } catch (const std::exception &) {
        // llama.cpp's grammar throws when it rejects a token. Only this answer ends, not the whole batch.
        return NONE_LEFT;
    }
}
