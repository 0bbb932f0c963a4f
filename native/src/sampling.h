#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llama-cpp.h"

struct SamplingOptions {
    float temperature = 0.0f;       // 0 for the token with the largest logit
    int32_t top_k = 0;              // 0 for all tokens
    float top_p = 1.0f;
    float min_p = 0.0f;
    uint32_t seed = 0;
    int32_t penalty_window = 0;     // number of previous tokens of the answer that the penalties cover
    float repeat_penalty = 1.0f;
    float frequency_penalty = 0.0f;
    float presence_penalty = 0.0f;
    std::optional<std::string> grammar;  // GBNF with a rule named "root"
};

/**
 * Chooses the tokens of one answer. Its state covers the previous tokens, for the penalties and the grammar, and the
 * random number generator.
 */
class Sampling {
public:
    static constexpr llama_token NONE = -1;

    /** Throws std::invalid_argument when llama.cpp cannot parse the grammar. */
    Sampling(const llama_vocab * vocab, const SamplingOptions & options);

    /** Chooses the next token from a vocabulary of logits. Returns NONE when the grammar allows no token. */
    llama_token next(const float * logits);

private:
    llama_token choose(const float * logits, bool constrained);
    bool allowed(llama_token token) const;

    const llama_vocab * vocab_;
    llama_sampler_ptr chain_;
    llama_sampler_ptr grammar_;
    bool plain_;  // no penalties and temperature 0
    std::vector<llama_token_data> candidates_;
};
