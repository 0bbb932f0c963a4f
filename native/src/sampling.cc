#include "sampling.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace {

/**
 * Returns the first token with the largest logit. A vocabulary has about 150,000 entries, so the loop keeps several
 * running maxima, which the compiler puts into vector registers.
 */
llama_token likeliest(const float * logits, int32_t size) {
    constexpr int32_t LANES = 32;
    float most[LANES];
    std::fill_n(most, LANES, -INFINITY);
    int32_t i = 0;
    for (; i + LANES <= size; i += LANES) {
        for (int32_t lane = 0; lane < LANES; lane++) {
            most[lane] = logits[i + lane] > most[lane] ? logits[i + lane] : most[lane];
        }
    }
    float largest = *std::max_element(most, most + LANES);
    for (; i < size; i++) largest = std::max(largest, logits[i]);
    const float * found = std::find(logits, logits + size, largest);
    return found == logits + size ? Sampling::NONE : static_cast<llama_token>(found - logits);
}

}  // namespace

Sampling::Sampling(const llama_vocab * vocab, const SamplingOptions & options)
    : vocab_(vocab), chain_(llama_sampler_chain_init(llama_sampler_chain_default_params())) {
    const bool penalised = options.penalty_window > 0
        && (options.repeat_penalty != 1.0f || options.frequency_penalty != 0.0f || options.presence_penalty != 0.0f);
    const bool greedy = options.temperature <= 0.0f;
    plain_ = greedy && !penalised;

    llama_sampler * chain = chain_.get();
    if (penalised) {
        llama_sampler_chain_add(chain, llama_sampler_init_penalties(llama_vocab_n_tokens(vocab), options.penalty_window,
            options.repeat_penalty, options.frequency_penalty, options.presence_penalty));
    }
    if (greedy) {
        llama_sampler_chain_add(chain, llama_sampler_init_greedy());
    } else {
        if (options.top_k > 0) llama_sampler_chain_add(chain, llama_sampler_init_top_k(options.top_k));
        if (options.top_p < 1.0f) llama_sampler_chain_add(chain, llama_sampler_init_top_p(options.top_p, 1));
        if (options.min_p > 0.0f) llama_sampler_chain_add(chain, llama_sampler_init_min_p(options.min_p, 1));
        llama_sampler_chain_add(chain, llama_sampler_init_temp(options.temperature));
        llama_sampler_chain_add(chain, llama_sampler_init_dist(options.seed));
    }

    if (!options.grammar) return;
    // llama.cpp treats an empty grammar as no grammar, so it is rejected here.
    if (!options.grammar->empty()) grammar_.reset(llama_sampler_init_grammar(vocab, options.grammar->c_str(), "root"));
    if (!grammar_) throw std::invalid_argument("llama.cpp cannot parse the grammar");
}

llama_token Sampling::next(const float * logits) {
    // Most chosen tokens satisfy the grammar anyway, and checking one token is cheap. Only a rejected token makes the
    // grammar filter the whole vocabulary, which takes milliseconds.
    llama_token token = choose(logits, false);
    if (grammar_ && token != NONE && !allowed(token)) token = choose(logits, true);
    if (token == NONE) return NONE;

    llama_sampler_accept(chain_.get(), token);
    if (grammar_ && !llama_vocab_is_eog(vocab_, token)) llama_sampler_accept(grammar_.get(), token);
    return token;
}

llama_token Sampling::choose(const float * logits, bool constrained) {
    const int32_t size = llama_vocab_n_tokens(vocab_);
    if (plain_ && !constrained) return likeliest(logits, size);

    candidates_.resize(size);
    for (llama_token token = 0; token < size; token++) candidates_[token] = { token, logits[token], 0.0f };
    llama_token_data_array array = { candidates_.data(), candidates_.size(), -1, false };
    if (constrained) llama_sampler_apply(grammar_.get(), &array);
    llama_sampler_apply(chain_.get(), &array);
    if (array.selected < 0 || static_cast<size_t>(array.selected) >= array.size) return NONE;
    const llama_token_data & selected = array.data[array.selected];
    return constrained && selected.logit == -INFINITY ? NONE : selected.id;
}

bool Sampling::allowed(llama_token token) const {
    llama_token_data data = { token, 1.0f, 0.0f };
    llama_token_data_array array = { &data, 1, -1, false };
    llama_sampler_apply(grammar_.get(), &array);
    return data.logit != -INFINITY;
}
