#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "llama.h"
#include "sampling.h"

/** Tokens of one sequence, and how the one after them is chosen. */
struct Item {
    llama_seq_id sequence;
    llama_pos position;  // of the first token
    std::vector<llama_token> tokens;
    std::shared_ptr<Sampling> sampling;  // null: only evaluate
};

/**
 * Evaluates items together, in as few batches as they fit, and samples. The caller has checked the items: their sequences ascend, each has a token,
 * none more than a batch.
 *
 * llama.cpp computes sequences in one batch only while their numbers ascend without a gap. A gap is filled with a token for each missing
 * sequence, up to `most_fillers` in all, and these are forgotten again.
 */
class Evaluation {
public:
    static constexpr int32_t NOT_ASKED = -1;
    static constexpr int32_t NONE_LEFT = -2;

    Evaluation(llama_context * context, std::vector<Item> items, size_t most_fillers, int32_t threads);

    /**
     * Once. Throws std::runtime_error when llama.cpp fails, and when it gave up because `cancelled`, which may be
     * null, became true: then the sequences of the batch hold nothing from their items' positions on.
     */
    void run(const std::atomic<bool> * cancelled = nullptr);

    /** After that, for each item: the token that follows, NOT_ASKED without a sampling, NONE_LEFT where the grammar leaves none. */
    const std::vector<int32_t> & next() const { return next_; }

private:
    /** A token that only keeps sequences together. */
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
    std::vector<int32_t> rows_;  // of each item's last token in its batch
    std::vector<int32_t> next_;
};

/**
 * Forgets a sequence's positions from `from` on; false, and nothing forgotten, where the memory cannot do that and leave the rest usable. From 0 on
 * it always can.
 */
bool forget_from(llama_context * context, llama_seq_id sequence, llama_pos from);
