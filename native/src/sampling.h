#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llama-cpp.h"

struct SamplingOptions {
    float temperature = 0.0f;       // 0: always the likeliest token
    int32_t top_k = 0;              // 0: all
    float top_p = 1.0f;
    float min_p = 0.0f;
    uint32_t seed = 0;
    int32_t penalty_window = 0;     // how many tokens of the answer the penalties look back
    float repeat_penalty = 1.0f;
    float frequency_penalty = 0.0f;
    float presence_penalty = 0.0f;
    std::optional<std::string> grammar;  // GBNF with a rule "root"
};

/** Chooses the tokens of one answer and remembers what it chose: for the penalties, the grammar, and the next random number. */
class Sampling {
public:
    static constexpr llama_token NONE = -1;

    /** Throws std::invalid_argument when llama.cpp cannot parse the grammar. */
    Sampling(const llama_vocab * vocab, const SamplingOptions & options);

    /** The next token; NONE when the grammar leaves none. */
    llama_token next(const float * logits);

private:
    llama_token choose(const float * logits, bool constrained);
    bool allowed(llama_token token) const;

    const llama_vocab * vocab_;
    llama_sampler_ptr chain_;
    llama_sampler_ptr grammar_;
    bool plain_;  // nothing but the likeliest token
    std::vector<llama_token_data> candidates_;
};
