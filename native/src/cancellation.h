#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

/** new Cancellation(): JavaScript aborts a running evaluation with it. */
class Cancellation : public Napi::ObjectWrap<Cancellation> {
public:
    static Napi::Function define(Napi::Env env);
    /** Returns the flag of a Cancellation, or null for null. Throws TypeError for any other value. */
    static std::shared_ptr<const std::atomic<bool>> of(const Napi::Value & value);

    explicit Cancellation(const Napi::CallbackInfo & info) : ObjectWrap(info) {}

private:
    void cancel(const Napi::CallbackInfo &) { *cancelled_ = true; }

    std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};
