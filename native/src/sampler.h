#pragma once

#include <napi.h>

#include <memory>

#include "sampling.h"

/** new Sampler(model._model, options): the `Sampling` of one answer, for `step`. */
class Sampler : public Napi::ObjectWrap<Sampler> {
public:
    static Napi::Function define(Napi::Env env);
    /** Throws TypeError when the value is no Sampler. */
    static std::shared_ptr<Sampling> of(const Napi::Value & value);

    explicit Sampler(const Napi::CallbackInfo & info);

private:
    Napi::ObjectReference model_;  // its vocabulary is used: keep it alive
    std::shared_ptr<Sampling> sampling_;
};
