#pragma once

#include <atomic>

#include "llama.h"

/**
 * While it lives, llama_decode gives its batch up once `cancelled`, which may be null, is true. On CPUs that takes
 * effect after the node of the graph that is being computed. llama_decode then returns ABORTED, and has removed from
 * the memory every position of the batch's sequences from the first of the batch on.
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

    llama_context * context_;  // null: nothing was set
};
