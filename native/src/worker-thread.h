#pragma once

#include <functional>
#include <string>

#include "queue.h"

/** What a worker thread does for another thread, which makes it and, when it is done, destroys it. */
class Job {
public:
    virtual ~Job() = default;
    /** On the worker's thread. */
    virtual void execute() = 0;
    /** What `execute` threw; empty when it did not. */
    std::string error;
};

/**
 * A thread that does one job after the other. Threads of libuv's pool would take turns, so that each batch began on a thread, and often on a core,
 * that the last one did not use; and what must not happen twice at a time would need a lock.
 *
 * Never to be destroyed: it may be computing when the process ends.
 */
class WorkerThread {
public:
    /** `done` is called on the worker's thread. */
    explicit WorkerThread(std::function<void(Job *)> done);

    void add(Job * job) { jobs_.push(job); }

private:
    [[noreturn]] void loop();

    std::function<void(Job *)> done_;
    Queue<Job *> jobs_;
};
