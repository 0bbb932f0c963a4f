// clip_ctx is private to clip.cpp, so the setter has to live in the same translation unit.
#include "clip.cpp"

void clip_set_threads(clip_ctx * context, int threads) {
    ggml_backend_dev_t device = ggml_backend_get_device(context->backend_cpu);
    ggml_backend_reg_t registry = device ? ggml_backend_dev_backend_reg(device) : nullptr;
    if (!registry) return;
    auto set = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
    if (set) set(context->backend_cpu, threads);
}
