#include "cancellation.h"

namespace {

Napi::FunctionReference constructor;

}  // namespace

Napi::Function Cancellation::define(Napi::Env env) {
    Napi::Function function = DefineClass(env, "Cancellation", { InstanceMethod<&Cancellation::cancel>("cancel") });
    constructor = Napi::Persistent(function);
    constructor.SuppressDestruct();
    return function;
}

std::shared_ptr<const std::atomic<bool>> Cancellation::of(const Napi::Value & value) {
    if (value.IsNull()) return nullptr;
    if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor.Value())) {
        throw Napi::TypeError::New(value.Env(), "Expected a Cancellation or null");
    }
    return Unwrap(value.As<Napi::Object>())->cancelled_;
}
