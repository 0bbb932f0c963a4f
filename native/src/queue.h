#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

/** A first-in-first-out queue for any number of producing and consuming threads. */
template <typename T> class Queue {
public:
    void push(T item) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            items_.push_back(std::move(item));
        }
        arrived_.notify_one();
    }

    /** Waits until the queue has an item, and removes it. */
    T take() {
        std::unique_lock<std::mutex> lock(mutex_);
        arrived_.wait(lock, [this] { return !items_.empty(); });
        T item = std::move(items_.front());
        items_.pop_front();
        return item;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<T> items_;
};
