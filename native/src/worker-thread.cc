#include "worker-thread.h"

#include <exception>
#include <thread>

WorkerThread::WorkerThread(std::function<void(Job *)> done) : done_(std::move(done)) {
    std::thread([this] { loop(); }).detach();
}

void WorkerThread::loop() {
    while (true) {
        Job * job = jobs_.take();
        try {
            job->execute();
        } catch (const std::exception & error) {
            job->error = error.what();
        }
        done_(job);
    }
}
