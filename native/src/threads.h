#pragma once

#include "ggml.h"

/**
 * CPU threads for ggml that stay, instead of new ones for every graph, and sleep between two graphs: one that spins takes a core from whoever
 * hands the tokens on. Throws std::runtime_error when there are none.
 */
ggml_threadpool_t create_threads(int count);
