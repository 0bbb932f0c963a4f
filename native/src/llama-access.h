#pragma once

#include <napi.h>

#include "llama.h"

/**
 * The only door to node-llama-cpp's private classes: what stands behind `model._model` and `context._ctx`.
 * Tied to the exact version of node-llama-cpp whose headers this was compiled with.
 */
namespace llama_access {

/** `model._model` → llama_model. Throws TypeError when the object is not a loaded AddonModel. */
llama_model * model_of(const Napi::Value & addon_model);

/** `context._ctx` → llama_context. Throws TypeError when the object is not a created AddonContext. */
llama_context * context_of(const Napi::Value & addon_context);

/** True when `context._ctx` was created from `model._model`, seen both through node-llama-cpp's classes and through llama.cpp. */
bool belongs_together(const Napi::Value & addon_model, const Napi::Value & addon_context);

}  // namespace llama_access
