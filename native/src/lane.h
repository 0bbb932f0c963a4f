#pragma once

#include <napi.h>

#include <memory>

/** Work for the lane. */
class Task {
public:
    virtual ~Task() = default;
    /** On the lane's thread; whatever it throws rejects the promise. */
    virtual void execute() = 0;
    /** On JavaScript's thread, when that is done: what the promise resolves to. */
    virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }
};

/**
 * The one thread on which contexts decode. Threads of libuv's pool take turns, so that each step would begin on a thread, and often on a
 * core, that the last one did not use.
 */
namespace lane {

/** The task lives until its promise has settled. */
Napi::Promise run(Napi::Env env, std::unique_ptr<Task> task);

}  // namespace lane
