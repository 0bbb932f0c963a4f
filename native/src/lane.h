#pragma once

#include <napi.h>

#include <memory>

#include "worker-thread.h"

/** A job whose result settles a promise. An exception of `execute` rejects it. */
class Task : public Job {
public:
    /** The task keeps `owner`, the object that it works on, from being garbage-collected. */
    explicit Task(Napi::Object owner)
        : owner_(Napi::Persistent(owner)), deferred_(Napi::Promise::Deferred::New(owner.Env())) {}
    /** Returns the value for the promise. Runs on JavaScript's thread after `execute`. */
    virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }

private:
    friend class Lane;

    Napi::ObjectReference owner_;
    Napi::Promise::Deferred deferred_;
};

/** A worker thread for tasks. It runs them in the order of the calls. */
class Lane {
public:
    /** The lane for every task that uses a context: llama.cpp allows one at a time. */
    static Lane & decoding(Napi::Env env);
    /** The lane for encodings, which use no context. */
    static Lane & encoding(Napi::Env env);

    Napi::Promise run(Napi::Env env, std::unique_ptr<Task> task);

private:
    explicit Lane(Napi::Env env);
    void deliver(Task * task);
    void settle(Napi::Env env, Task & task);

    Napi::ThreadSafeFunction deliver_;
    size_t in_flight_ = 0;  // used only on JavaScript's thread
    WorkerThread thread_;
};
