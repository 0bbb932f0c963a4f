#pragma once

#include <atomic>
#include <chrono>

#include "mtmd.h"

/**
 * Controls a running encoding. ggml's scheduler computes the graph in stretches and calls back after each: there, the
 * number of threads can change and the encoding can be cancelled. A stretch takes 20 to 60 ms, independent of the
 * image's size.
 *
 * Each mtmd_context needs its own pacer. Any thread may call `set_threads` and `cancel`.
 */
class Pacer {
public:
    /** Must precede the creation of the context, because mtmd reads the callback from these parameters. */
    void attach(mtmd_context_params & params);

    /**
     * Gives the context its own threads (threads.h), `most` of them, which is the maximum for an encoding. May be
     * called once per context.
     */
    void keep_threads(mtmd_context * context, int most);

    /** Must precede each encoding. */
    void begin(mtmd_context * context, int threads);

    /** Changes the number of threads from the next stretch on. */
    void set_threads(int threads) { threads_ = threads; }

    /** Aborts the encoding after the current stretch. Its output is then invalid. */
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
    int nodes_ = 0;    // nodes of the current stretch that are scheduled so far
    Clock::time_point started_;
};
