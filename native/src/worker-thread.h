#pragma once

#include <functional>
#include <string>

#include "queue.h"

/** One unit of work for a worker thread. Another thread creates it and destroys it when it is done. */
class Job {
public:
    virtual ~Job() = default;
    /** Runs on the worker's thread. */
    virtual void execute() = 0;
    /** The message of the exception that `execute` threw; empty when it threw none. */
    std::string error;
};

/**
 * A thread that runs its jobs one after the other. With libuv's pool, each batch would start on a different thread
 * and often on a different core, and jobs that must not run at the same time would need a lock.
 *
 * Must never be destroyed, because it may be computing when the process ends.
 */
class WorkerThread {
public:
    /** The worker's thread calls `done` after each job. */
    explicit WorkerThread(std::function<void(Job *)> done);

    void add(Job * job) { jobs_.push(job); }

private:
    [[noreturn]] void loop();

    std::function<void(Job *)> done_;
    Queue<Job *> jobs_;
};
