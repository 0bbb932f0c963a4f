#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

/** Work for a lane. */
class Task {
public:
    virtual ~Task() = default;
    /** On the lane's thread; whatever it throws rejects the promise. */
    virtual void execute() = 0;
    /** On JavaScript's thread, when that is done: what the promise resolves to. */
    virtual Napi::Value result(Napi::Env env) { return env.Undefined(); }
};

/**
 * A thread that does one task after the other. Threads of libuv's pool would take turns, so that each batch began on a thread, and often on a core,
 * that the last one did not use; and what must not happen twice at a time would need a lock.
 */
class Lane {
public:
    /** Everything that touches a context goes here: llama.cpp allows one at a time. */
    static Lane & decoding(Napi::Env env);
    /** Encodings need no context. */
    static Lane & encoding(Napi::Env env);

    Napi::Promise run(Napi::Env env, std::unique_ptr<Task> task);

private:
    struct Job;

    explicit Lane(Napi::Env env);
    [[noreturn]] void loop();
    Job * take();
    void settle(Napi::Env env, const Job & job);

    Napi::ThreadSafeFunction deliver_;
    size_t in_flight_ = 0;  // known to JavaScript's thread only
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Job *> jobs_;
};
