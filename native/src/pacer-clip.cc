// clip_ctx is private to clip.cpp, so the setters must be in the same translation unit.
#include "clip.cpp"

#include <type_traits>

#include "ggml-cpu.h"

template <typename Function> static Function * find(clip_ctx * context, const char * name) {
    ggml_backend_dev_t device = ggml_backend_get_device(context->backend_cpu);
    ggml_backend_reg_t registry = device ? ggml_backend_dev_backend_reg(device) : nullptr;
    return registry ? reinterpret_cast<Function *>(ggml_backend_reg_get_proc_address(registry, name)) : nullptr;
}

void clip_set_threads(clip_ctx * context, int threads) {
    auto * set = find<std::remove_pointer_t<ggml_backend_set_n_threads_t>>(context, "ggml_backend_set_n_threads");
    if (set) set(context->backend_cpu, threads);
}

void clip_attach_threads(clip_ctx * context, ggml_threadpool_t threads) {
    auto * set = find<decltype(ggml_backend_cpu_set_threadpool)>(context, "ggml_backend_cpu_set_threadpool");
    if (set) set(context->backend_cpu, threads);
}
