#pragma once

#include <atomic>

#include "llama.h"

/**
 * While a guard exists, llama_decode aborts its batch as soon as `cancelled` is true; null never aborts. CPUs stop
 * after the current node of the graph. An aborted llama_decode returns ABORTED and has removed every position of the
 * batch's sequences from the first position of the batch on.
 */
class AbortGuard {
public:
    static constexpr int32_t ABORTED = 2;

    AbortGuard(llama_context * context, const std::atomic<bool> * cancelled) : context_(cancelled ? context : nullptr) {
        auto * flag = const_cast<std::atomic<bool> *>(cancelled);
        if (context_) llama_set_abort_callback(context_, &AbortGuard::is_cancelled, flag);
    }
    ~AbortGuard() {
        if (context_) llama_set_abort_callback(context_, nullptr, nullptr);
    }
    AbortGuard(const AbortGuard &) = delete;
    AbortGuard & operator=(const AbortGuard &) = delete;

private:
    static bool is_cancelled(void * cancelled) { return static_cast<const std::atomic<bool> *>(cancelled)->load(); }

    llama_context * context_;  // null when no callback was set
};
