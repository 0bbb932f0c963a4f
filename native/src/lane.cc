#include "lane.h"

// Lanes and their threads are never destroyed.

Lane & Lane::decoding(Napi::Env env) {
    static Lane * lane = new Lane(env);
    return *lane;
}

Lane & Lane::encoding(Napi::Env env) {
    static Lane * lane = new Lane(env);
    return *lane;
}

Lane::Lane(Napi::Env env)
    : deliver_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "SightlineLane", 0, 1)),
      thread_([this](Job * job) { deliver(static_cast<Task *>(job)); }) {
    deliver_.Unref(env);
}

Napi::Promise Lane::run(Napi::Env env, std::unique_ptr<Task> task) {
    const Napi::Promise promise = task->deferred_.Promise();
    if (in_flight_++ == 0) deliver_.Ref(env);
    thread_.add(task.release());
    return promise;
}

void Lane::deliver(Task * task) {
    // `env` is null when JavaScript has ended. The task then leaks, because its references belong to the ended
    // environment.
    deliver_.NonBlockingCall(task, [this](Napi::Env env, Napi::Function, Task * done) {
        if (env == nullptr) return;
        settle(env, *done);
        delete done;
    });
}

void Lane::settle(Napi::Env env, Task & task) {
    // An idle lane does not keep the process alive.
    if (--in_flight_ == 0) deliver_.Unref(env);
    if (task.error.empty()) {
        task.deferred_.Resolve(task.result(env));
    } else {
        task.deferred_.Reject(Napi::Error::New(env, task.error).Value());
    }
}
