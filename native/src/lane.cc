#include "lane.h"

#include <string>
#include <thread>

struct Lane::Job {
    std::unique_ptr<Task> task;
    Napi::Promise::Deferred deferred;
    std::string error;
};

// Lanes are never destroyed: their threads may be computing when the process ends.

Lane & Lane::decoding(Napi::Env env) {
    static Lane * lane = new Lane(env);
    return *lane;
}

Lane & Lane::encoding(Napi::Env env) {
    static Lane * lane = new Lane(env);
    return *lane;
}

Lane::Lane(Napi::Env env) : deliver_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "SightlineLane", 0, 1)) {
    deliver_.Unref(env);
    std::thread([this] { loop(); }).detach();
}

Napi::Promise Lane::run(Napi::Env env, std::unique_ptr<Task> task) {
    auto * job = new Job{ std::move(task), Napi::Promise::Deferred::New(env), {} };
    const Napi::Promise promise = job->deferred.Promise();
    if (in_flight_++ == 0) deliver_.Ref(env);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.push_back(job);
    }
    arrived_.notify_one();
    return promise;
}

void Lane::loop() {
    while (true) {
        Job * job = take();
        try {
            job->task->execute();
        } catch (const std::exception & error) {
            job->error = error.what();
        }
        // Where JavaScript has ended meanwhile the job is left: its references belong to what is gone.
        deliver_.NonBlockingCall(job, [this](Napi::Env env, Napi::Function, Job * done) {
            if (env == nullptr) return;
            settle(env, *done);
            delete done;
        });
    }
}

Lane::Job * Lane::take() {
    std::unique_lock<std::mutex> lock(mutex_);
    arrived_.wait(lock, [this] { return !jobs_.empty(); });
    Job * job = jobs_.front();
    jobs_.pop_front();
    return job;
}

void Lane::settle(Napi::Env env, const Job & job) {
    // An idle lane keeps no process alive.
    if (--in_flight_ == 0) deliver_.Unref(env);
    if (job.error.empty()) {
        job.deferred.Resolve(job.task->result(env));
    } else {
        job.deferred.Reject(Napi::Error::New(env, job.error).Value());
    }
}
