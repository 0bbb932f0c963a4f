#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

/**
 * forget(context._ctx, sequence, from): Promise<boolean>. Removes the position `from` and all later ones from the
 * sequence. Resolves to false, and removes nothing, when the memory cannot be cut there (forget_from in memory.h).
 */
Napi::Value forget(const Napi::CallbackInfo & info);

/**
 * new Checkpoint(): a copy of the recurrent state of a sequence. Its buffer is allocated by the first `save` and reused
 * by later ones, because a new buffer costs several times as much as the copy. V8 counts it as external memory.
 */
class Checkpoint : public Napi::ObjectWrap<Checkpoint> {
public:
    using State = std::vector<uint8_t>;

    static Napi::Function define(Napi::Env env);

    explicit Checkpoint(const Napi::CallbackInfo & info) : ObjectWrap(info) {}
    ~Checkpoint() override { count(0); }

private:
    friend class Save;

    /** save(context._ctx, sequence): Promise<void>. Replaces the content by the current state of the sequence. */
    Napi::Value save(const Napi::CallbackInfo & info);
    /**
     * restore(context._ctx, sequence, from): Promise<void>. Replaces the state of the sequence by the saved one, and
     * removes the position `from` and all later ones.
     */
    Napi::Value restore(const Napi::CallbackInfo & info);
    Napi::Value bytes(const Napi::CallbackInfo & info);
    /** dispose(): frees the buffer. A later `save` allocates a new one. */
    void dispose(const Napi::CallbackInfo & info);

    /** Tells V8 the current size of the buffer. */
    void count(int64_t bytes);

    std::shared_ptr<State> state_ = std::make_shared<State>();  // the lane writes to it
    int64_t counted_ = 0;
};
