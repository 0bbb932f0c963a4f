#include "sampler.h"

#include <cmath>
#include <string>

#include "llama-access.h"

namespace {

Napi::FunctionReference constructor;

float number(const Napi::Object & options, const char * key) {
    const Napi::Value value = options.Get(key);
    if (!value.IsNumber() || !std::isfinite(value.ToNumber().DoubleValue())) {
        throw Napi::TypeError::New(options.Env(), std::string(key) + " must be a number");
    }
    return value.ToNumber().FloatValue();
}

}  // namespace

Napi::Function Sampler::define(Napi::Env env) {
    Napi::Function function = DefineClass(env, "Sampler", {});
    constructor = Napi::Persistent(function);
    constructor.SuppressDestruct();
    return function;
}

std::shared_ptr<Sampling> Sampler::of(const Napi::Value & value) {
    if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor.Value())) {
        throw Napi::TypeError::New(value.Env(), "Expected a Sampler");
    }
    return Unwrap(value.As<Napi::Object>())->sampling_;
}

Sampler::Sampler(const Napi::CallbackInfo & info) : ObjectWrap(info) {
    if (info.Length() != 2 || !info[1].IsObject()) {
        throw Napi::TypeError::New(info.Env(), "Expected new Sampler(model, options)");
    }
    const llama_model * model = llama_access::model_of(info[0]);
    const Napi::Object object = info[1].As<Napi::Object>();

    SamplingOptions options;
    options.temperature = number(object, "temperature");
    options.top_k = static_cast<int32_t>(number(object, "topK"));
    options.top_p = number(object, "topP");
    options.min_p = number(object, "minP");
    options.seed = object.Get("seed").ToNumber().Uint32Value();
    options.penalty_window = static_cast<int32_t>(number(object, "penaltyWindow"));
    options.repeat_penalty = number(object, "repeatPenalty");
    options.frequency_penalty = number(object, "frequencyPenalty");
    options.presence_penalty = number(object, "presencePenalty");
    if (options.repeat_penalty <= 0.0f) throw Napi::RangeError::New(info.Env(), "repeatPenalty must be above 0");
    const Napi::Value grammar = object.Get("grammar");
    if (grammar.IsString()) options.grammar = grammar.ToString().Utf8Value();

    try {
        sampling_ = std::make_shared<Sampling>(llama_model_get_vocab(model), options);
    } catch (const std::exception & error) {
        throw Napi::Error::New(info.Env(), error.what());
    }
    model_ = Napi::Persistent(info[0].As<Napi::Object>());
}
