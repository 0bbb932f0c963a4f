#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "llama.h"
#include "sampling.h"

/** Tokens of one sequence, and the sampling that chooses the next one. */
struct Item {
    llama_seq_id sequence;
    llama_pos position;  // position of the first token
    std::vector<llama_token> tokens;
    std::shared_ptr<Sampling> sampling;  // null to evaluate without sampling
};

/**
 * Evaluates items in as few batches as possible and samples their next tokens. The caller has checked the items: their
 * sequences are in ascending order, and each item has at least one token and at most as many as a batch.
 *
 * llama.cpp computes several sequences in one batch only if their numbers ascend without a gap. Up to `most_fillers`
 * gaps are filled with one token per missing sequence, which is removed again after the batch.
 */
class Evaluation {
public:
    static constexpr int32_t NOT_ASKED = -1;
    static constexpr int32_t NONE_LEFT = -2;

    Evaluation(llama_context * context, std::vector<Item> items, size_t most_fillers, int32_t threads);

    /**
     * May be called once. Throws std::runtime_error when llama.cpp fails, or when `cancelled` (may be null) became
     * true; in the second case, the positions of the items and all later ones are removed from the sequences of the
     * batch.
     */
    void run(const std::atomic<bool> * cancelled = nullptr);

    /**
     * Returns the next token of each item after `run`: NOT_ASKED for an item without sampling, NONE_LEFT when the
     * grammar allows no token.
     */
    const std::vector<int32_t> & next() const { return next_; }

private:
    /** A token that only closes a gap between two sequences. */
    struct Filler {
        llama_seq_id sequence;
        llama_pos position;
    };

    int32_t run_batch(size_t begin, size_t end);
    int32_t decode(size_t begin, size_t end, const std::vector<Filler> & fillers);
    std::vector<Filler> find_fillers(size_t begin, size_t end) const;
    int32_t sample(Sampling & sampling, int32_t row);

    llama_context * context_;
    std::vector<Item> items_;
    size_t most_fillers_;
    int32_t threads_;
    std::vector<int32_t> rows_;  // index of each item's last token in its batch
    std::vector<int32_t> next_;
};
