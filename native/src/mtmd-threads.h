#pragma once

#include "mtmd.h"

/** Sets the threads of the next encoding. mtmd fixes the number at creation and offers no call to change it. */
void mtmd_set_threads(mtmd_context * context, int threads);
