#include "rewind.h"

#include "lane.h"
#include "llama-access.h"
#include "memory.h"

namespace {

class Forget : public Task {
public:
    Forget(llama_context * context, Napi::Object context_object, llama_seq_id sequence, llama_pos from)
        : Task(context_object), context_(context), sequence_(sequence), from_(from) {}

    void execute() override { forgotten_ = forget_from(context_, sequence_, from_); }

    Napi::Value result(Napi::Env env) override { return Napi::Boolean::New(env, forgotten_); }

private:
    llama_context * context_;
    llama_seq_id sequence_;
    llama_pos from_;
    bool forgotten_ = false;
};

class Restore : public Task {
public:
    Restore(llama_context * context, Napi::Object context_object, llama_seq_id sequence,
        std::shared_ptr<const Checkpoint::State> state, llama_pos from)
        : Task(context_object), context_(context), sequence_(sequence), state_(std::move(state)), from_(from) {}

    void execute() override { restore_state(context_, sequence_, *state_, from_); }

private:
    llama_context * context_;
    llama_seq_id sequence_;
    std::shared_ptr<const Checkpoint::State> state_;
    llama_pos from_;
};

}  // namespace

class Save : public Task {
public:
    Save(llama_context * context, Napi::Object context_object, llama_seq_id sequence, Checkpoint * checkpoint,
        Napi::Object checkpoint_object)
        : Task(context_object), context_(context), sequence_(sequence), state_(checkpoint->state_),
          checkpoint_(checkpoint), checkpoint_object_(Napi::Persistent(checkpoint_object)) {}

    void execute() override { save_state(context_, sequence_, *state_); }

    Napi::Value result(Napi::Env env) override {
        if (checkpoint_->state_ == state_) checkpoint_->count(static_cast<int64_t>(state_->size()));
        return env.Undefined();
    }

private:
    llama_context * context_;
    llama_seq_id sequence_;
    std::shared_ptr<Checkpoint::State> state_;
    Checkpoint * checkpoint_;
    Napi::ObjectReference checkpoint_object_;  // keeps the checkpoint from being garbage-collected
};

Napi::Value forget(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    llama_context * context = llama_access::context_of(info[0]);
    const llama_seq_id sequence = llama_access::sequence_of(info[1], context);
    const llama_pos from = info[2].ToNumber().Int32Value();
    return Lane::decoding(env).run(env, std::make_unique<Forget>(context, info[0].As<Napi::Object>(), sequence, from));
}

Napi::Function Checkpoint::define(Napi::Env env) {
    return DefineClass(env, "Checkpoint", {
        InstanceMethod<&Checkpoint::save>("save"),
        InstanceMethod<&Checkpoint::restore>("restore"),
        InstanceAccessor<&Checkpoint::bytes>("bytes"),
        InstanceMethod<&Checkpoint::dispose>("dispose"),
    });
}

Napi::Value Checkpoint::save(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    llama_context * context = llama_access::context_of(info[0]);
    const llama_seq_id sequence = llama_access::sequence_of(info[1], context);
    return Lane::decoding(env).run(env, std::make_unique<Save>(
        context, info[0].As<Napi::Object>(), sequence, this, Value()));
}

Napi::Value Checkpoint::restore(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    llama_context * context = llama_access::context_of(info[0]);
    const llama_seq_id sequence = llama_access::sequence_of(info[1], context);
    const llama_pos from = info[2].ToNumber().Int32Value();
    if (from < 1) throw Napi::RangeError::New(env, "A checkpoint is behind at least one position");
    if (counted_ == 0) throw Napi::Error::New(env, "The checkpoint is empty");
    return Lane::decoding(env).run(env, std::make_unique<Restore>(
        context, info[0].As<Napi::Object>(), sequence, state_, from));
}

Napi::Value Checkpoint::bytes(const Napi::CallbackInfo & info) {
    return Napi::Number::New(info.Env(), static_cast<double>(counted_));
}

void Checkpoint::dispose(const Napi::CallbackInfo &) {
    // A running save or restore has its own reference to the buffer.
    state_ = std::make_shared<State>();
    count(0);
}

void Checkpoint::count(int64_t bytes) {
    Napi::MemoryManagement::AdjustExternalMemory(Env(), bytes - counted_);
    counted_ = bytes;
}
