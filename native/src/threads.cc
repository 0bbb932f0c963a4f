#include "threads.h"

#include <stdexcept>

#include "ggml-backend.h"
#include "ggml-cpu.h"

ggml_threadpool_t create_threads(int count) {
    if (count < 1 || count > GGML_MAX_N_THREADS) throw std::runtime_error("The number of threads is out of range");
    ggml_threadpool_params params;
    ggml_threadpool_params_init(&params, count);
    params.poll = 0;

    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    ggml_backend_reg_t registry = device ? ggml_backend_dev_backend_reg(device) : nullptr;
    auto create = registry
        ? reinterpret_cast<decltype(ggml_threadpool_new) *>(
            ggml_backend_reg_get_proc_address(registry, "ggml_threadpool_new"))
        : nullptr;
    ggml_threadpool_t threads = create ? create(&params) : nullptr;
    if (!threads) throw std::runtime_error("llama.cpp could not create a thread pool");
    return threads;
}
