// mtmd_context is private to mtmd.cpp, so code that uses its members must be in the same translation unit.
#include "mtmd.cpp"

#include "pacer.h"
#include "threads.h"

/** pacer-clip.cc defines both functions. */
void clip_set_threads(clip_ctx * context, int threads);
void clip_attach_threads(clip_ctx * context, ggml_threadpool_t threads);

namespace {

// When a stretch is shorter or longer than this, the next one has twice or half as many nodes.
constexpr std::chrono::milliseconds SHORTEST(20);
constexpr std::chrono::milliseconds LONGEST(60);
constexpr int MOST_NODES = 256;

}  // namespace

void Pacer::attach(mtmd_context_params & params) {
    params.cb_eval = &Pacer::on_node;
    params.cb_eval_user_data = this;
}

void Pacer::keep_threads(mtmd_context * context, int most) {
    clip_attach_threads(context->ctx_v, create_threads(most));
}

void Pacer::begin(mtmd_context * context, int threads) {
    context_ = context;
    // clip.cpp applies this value before the first stretch.
    context->n_threads = threads;
    threads_ = threads;
    cancelled_ = false;
    // Start again with one node: the stretch of a small image would take seconds with a large one.
    stretch_ = 1;
    nodes_ = 0;
    started_ = Clock::now();
}

bool Pacer::on_node(ggml_tensor *, bool ask, void * self) {
    auto * pacer = static_cast<Pacer *>(self);
    if (ask) return ++pacer->nodes_ >= pacer->stretch_;
    pacer->end_stretch();
    return !pacer->cancelled_;
}

void Pacer::end_stretch() {
    const auto now = Clock::now();
    const auto took = now - started_;
    if (took < SHORTEST && stretch_ < MOST_NODES) stretch_ *= 2;
    if (took > LONGEST && stretch_ > 1) stretch_ /= 2;
    nodes_ = 0;
    started_ = now;
    clip_set_threads(context_->ctx_v, threads_);
}
