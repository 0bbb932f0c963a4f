#pragma once

#include <atomic>
#include <chrono>

#include "mtmd.h"

/**
 * Governs an encoding while it runs. The scheduler computes the graph in stretches and asks in between: the number of threads can
 * change there, and the encoding can be given up. Stretches are some tens of milliseconds long, whatever the image's size.
 *
 * One for each mtmd_context; threads other than the one that encodes may call `set_threads` and `cancel`.
 */
class Pacer {
public:
    /** To be set before the context is created: mtmd takes the callback from its parameters. */
    void attach(mtmd_context_params & params);

    /** Once, when the context is there: threads of its own (threads.h), as many as an encoding may ever take. */
    void keep_threads(mtmd_context * context, int most);

    /** Before each encoding. */
    void begin(mtmd_context * context, int threads);

    /** Threads from the next stretch on. */
    void set_threads(int threads) { threads_ = threads; }

    /** Gives the encoding up after the current stretch; what it leaves in the output is worthless. */
    void cancel() { cancelled_ = true; }
    bool cancelled() const { return cancelled_; }

private:
    using Clock = std::chrono::steady_clock;

    static bool on_node(ggml_tensor * node, bool ask, void * self);
    void end_stretch();

    std::atomic<int> threads_{1};
    std::atomic<bool> cancelled_{false};
    mtmd_context * context_ = nullptr;
    int stretch_ = 1;  // nodes
    int nodes_ = 0;    // of the current stretch so far
    Clock::time_point started_;
};
