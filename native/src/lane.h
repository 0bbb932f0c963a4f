#pragma once

#include <napi.h>

#include <memory>

#include "worker-thread.h"

/** Work for a lane; whatever `execute` throws rejects the promise. */
class Task : public Job {
public:
    /** `owner` is what the task works on: it is not collected meanwhile. */
    explicit Task(Napi::Object owner) : owner_(Napi::Persistent(owner)), deferred_(Napi::Promise::Deferred::New(owner.Env())) {}
    /** On JavaScript's thread, when that is done: what the promise resolves to. */
    virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }

private:
    friend class Lane;

    Napi::ObjectReference owner_;
    Napi::Promise::Deferred deferred_;
};

/** A worker thread whose jobs are promises. */
class Lane {
public:
    /** Everything that touches a context goes here: llama.cpp allows one at a time. */
    static Lane & decoding(Napi::Env env);
    /** Encodings need no context. */
    static Lane & encoding(Napi::Env env);

    Napi::Promise run(Napi::Env env, std::unique_ptr<Task> task);

private:
    explicit Lane(Napi::Env env);
    void deliver(Task * task);
    void settle(Napi::Env env, Task & task);

    Napi::ThreadSafeFunction deliver_;
    size_t in_flight_ = 0;  // known to JavaScript's thread only
    WorkerThread thread_;
};
