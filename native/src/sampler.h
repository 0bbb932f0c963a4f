#pragma once

#include <napi.h>

#include <memory>

#include "sampling.h"

/** new Sampler(model._model, options): the `Sampling` of one answer, as an argument for `step`. */
class Sampler : public Napi::ObjectWrap<Sampler> {
public:
    static Napi::Function define(Napi::Env env);
    /** Returns the sampling of a Sampler. Throws TypeError for any other value. */
    static std::shared_ptr<Sampling> of(const Napi::Value & value);

    explicit Sampler(const Napi::CallbackInfo & info);

private:
    Napi::ObjectReference model_;  // keeps the model alive, because its vocabulary is used
    std::shared_ptr<Sampling> sampling_;
};
