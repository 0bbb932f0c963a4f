#include "llama-access.h"

// node-llama-cpp's headers use these two without including them.
#include <memory>
#include <string>

#include "AddonModel.h"
#include "AddonContext.h"

namespace {

template <typename T> T * unwrap(const Napi::Value & value, const char * what) {
    void * pointer = nullptr;
    if (!value.IsObject() || napi_unwrap(value.Env(), value, &pointer) != napi_ok || pointer == nullptr) {
        throw Napi::TypeError::New(value.Env(), std::string("Expected node-llama-cpp's ") + what);
    }
    return static_cast<T *>(pointer);
}

}  // namespace

llama_model * llama_access::model_of(const Napi::Value & addon_model) {
    auto * addon = unwrap<AddonModel>(addon_model, "AddonModel");
    if (addon->model == nullptr || addon->disposed) {
        throw Napi::TypeError::New(addon_model.Env(), "The model is not loaded");
    }
    return addon->model;
}

llama_context * llama_access::context_of(const Napi::Value & addon_context) {
    auto * addon = unwrap<AddonContext>(addon_context, "AddonContext");
    if (addon->ctx == nullptr || addon->disposed) {
        throw Napi::TypeError::New(addon_context.Env(), "The context is not created");
    }
    return addon->ctx;
}

llama_seq_id llama_access::sequence_of(const Napi::Value & value, const llama_context * context) {
    const int32_t sequence = value.ToNumber().Int32Value();
    if (sequence < 0 || static_cast<uint32_t>(sequence) >= llama_n_seq_max(context)) {
        throw Napi::RangeError::New(value.Env(), "No such sequence: " + std::to_string(sequence));
    }
    return sequence;
}

bool llama_access::belongs_together(const Napi::Value & addon_model, const Napi::Value & addon_context) {
    auto * model = unwrap<AddonModel>(addon_model, "AddonModel");
    auto * context = unwrap<AddonContext>(addon_context, "AddonContext");
    return context->model == model && context->ctx != nullptr && llama_get_model(context->ctx) == model->model;
}
