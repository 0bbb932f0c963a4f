// mtmd_context is private to mtmd.cpp, so the setter has to live in the same translation unit.
#include "mtmd.cpp"

#include "mtmd-threads.h"

void mtmd_set_threads(mtmd_context * context, int threads) {
    context->n_threads = threads;
}
