#pragma once

#include "ggml.h"

/**
 * Creates CPU threads that ggml reuses for every graph. They sleep between two graphs: a spinning thread would take a
 * core from the code that delivers tokens. Throws std::runtime_error when the threads cannot be created.
 */
ggml_threadpool_t create_threads(int count);
