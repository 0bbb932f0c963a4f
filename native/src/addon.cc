#include <napi.h>

#include <string>

#include "cancellation.h"
#include "encoded-image.h"
#include "llama-access.h"
#include "llama.h"
#include "memory.h"
#include "mtmd-helper.h"
#include "rewind.h"
#include "sampler.h"
#include "step.h"
#include "vision.h"

namespace {

Napi::ThreadSafeFunction logger;

/** Passes a log line of mtmd to JavaScript. Any thread may call it. */
void forward_log(ggml_log_level level, const char * text, void *) {
    auto * line = new std::pair<int, std::string>(level, text);
    const auto deliver = [](Napi::Env env, Napi::Function callback, std::pair<int, std::string> * entry) {
        if (env != nullptr) {
            callback.Call({ Napi::Number::New(env, entry->first), Napi::String::New(env, entry->second) });
        }
        delete entry;
    };
    if (logger.NonBlockingCall(line, deliver) != napi_ok) delete line;
}

/** setLogger((level: number, text: string) => void). Without a logger, mtmd writes to stderr. */
void set_logger(const Napi::CallbackInfo & info) {
    if (logger) logger.Release();
    logger = Napi::ThreadSafeFunction::New(info.Env(), info[0].As<Napi::Function>(), "SightlineLog", 0, 1);
    logger.Unref(info.Env());
    mtmd_helper_log_set(forward_log, nullptr);
}

const char * rewind_name(Rewind rewind) {
    switch (rewind) {
        case Rewind::ANYWHERE: return "anywhere";
        case Rewind::CHECKPOINTS: return "checkpoints";
        case Rewind::NEVER: return "never";
    }
    return "";
}

/**
 * contextInfo(model._model, context._ctx): { belongs, contextSize, batchSize, sequences, rewind }. The values are
 * llama.cpp's own; `belongs` is true when the context was created from the model.
 */
Napi::Value context_info(const Napi::CallbackInfo & info) {
    llama_context * context = llama_access::context_of(info[1]);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("belongs", llama_access::belongs_together(info[0], info[1]));
    result.Set("contextSize", llama_n_ctx(context));
    result.Set("batchSize", llama_n_batch(context));
    result.Set("sequences", llama_n_seq_max(context));
    result.Set("rewind", rewind_name(rewind_of(context)));
    return result;
}

}  // namespace

static Napi::Object init(Napi::Env env, Napi::Object exports) {
    exports.Set("Vision", Vision::define(env));
    exports.Set("EncodedImage", EncodedImage::define(env));
    exports.Set("Sampler", Sampler::define(env));
    exports.Set("Checkpoint", Checkpoint::define(env));
    exports.Set("Cancellation", Cancellation::define(env));
    exports.Set("step", Napi::Function::New(env, step));
    exports.Set("forget", Napi::Function::New(env, forget));
    exports.Set("attachThreads", Napi::Function::New(env, attach_threads));
    exports.Set("setLogger", Napi::Function::New(env, set_logger));
    exports.Set("contextInfo", Napi::Function::New(env, context_info));
    return exports;
}

NODE_API_MODULE(sightline_vision, init)
