#include "lane.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace {

struct Job {
    std::unique_ptr<Task> task;
    Napi::Promise::Deferred deferred;
    std::string error;
};

class Lane {
public:
    explicit Lane(Napi::Env env) : deliver_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "SightlineLane", 0, 1)) {
        deliver_.Unref(env);
        std::thread([this] { loop(); }).detach();
    }

    void add(Napi::Env env, Job * job) {
        if (in_flight_++ == 0) deliver_.Ref(env);
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            jobs_.push_back(job);
        }
        arrived_.notify_one();
    }

    void settle(Napi::Env env, const Job & job) {
        // An idle lane keeps no process alive.
        if (--in_flight_ == 0) deliver_.Unref(env);
        if (job.error.empty()) {
            job.deferred.Resolve(job.task->result(env));
        } else {
            job.deferred.Reject(Napi::Error::New(env, job.error).Value());
        }
    }

private:
    [[noreturn]] void loop() {
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

    Job * take() {
        std::unique_lock<std::mutex> lock(mutex_);
        arrived_.wait(lock, [this] { return !jobs_.empty(); });
        Job * job = jobs_.front();
        jobs_.pop_front();
        return job;
    }

    Napi::ThreadSafeFunction deliver_;
    size_t in_flight_ = 0;  // known to JavaScript's thread only
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Job *> jobs_;
};

}  // namespace

Napi::Promise lane::run(Napi::Env env, std::unique_ptr<Task> task) {
    // Never destroyed: its thread may be computing when the process ends.
    static Lane * the_lane = new Lane(env);
    auto * job = new Job{ std::move(task), Napi::Promise::Deferred::New(env), {} };
    const Napi::Promise promise = job->deferred.Promise();
    the_lane->add(env, job);
    return promise;
}
