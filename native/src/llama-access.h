#pragma once

#include <napi.h>

#include "llama.h"

/**
 * The only access to node-llama-cpp's private classes, which are behind `model._model` and `context._ctx`. It works
 * only with the exact version of node-llama-cpp whose headers it was compiled with.
 */
namespace llama_access {

/** Returns the llama_model of `model._model`. Throws TypeError when the object is not a loaded AddonModel. */
llama_model * model_of(const Napi::Value & addon_model);

/** Returns the llama_context of `context._ctx`. Throws TypeError when the object is not a created AddonContext. */
llama_context * context_of(const Napi::Value & addon_context);

/** Returns the number of a sequence of the context. Throws RangeError when the context has no such sequence. */
llama_seq_id sequence_of(const Napi::Value & value, const llama_context * context);

/**
 * Returns whether `context._ctx` was created from `model._model`, both for node-llama-cpp's classes and for
 * llama.cpp.
 */
bool belongs_together(const Napi::Value & addon_model, const Napi::Value & addon_context);

}  // namespace llama_access
