#include "picture.h"

#include <stdexcept>
#include <string>

#include "lane.h"
#include "llama-access.h"

namespace {

Napi::FunctionReference constructor;

/** Decodes tokens [offset, offset + count) of a picture that starts at `position` into one sequence. */
class Decode : public Task {
public:
    Decode(llama_context * context, Napi::Object context_object, std::shared_ptr<const Encoding> encoding,
           llama_seq_id sequence, llama_pos position, int32_t offset, int32_t count, int32_t threads)
        : context_(context), context_ref_(Napi::Persistent(context_object)), encoding_(std::move(encoding)), sequence_(sequence),
          position_(position), offset_(offset), count_(count), threads_(threads) {}

    void execute() override {
        llama_set_n_threads(context_, threads_, threads_);
        const int axes = encoding_->mrope ? 4 : 1;
        const int32_t width = llama_model_n_embd_inp(llama_get_model(context_));
        std::vector<llama_pos> positions(static_cast<size_t>(count_) * axes, 0);
        std::vector<int32_t> sequence_counts(count_, 1);
        std::vector<llama_seq_id *> sequences(static_cast<size_t>(count_) + 1, &sequence_);
        std::vector<int8_t> logits(count_, 0);
        sequences[count_] = nullptr;

        for (int32_t i = 0; i < count_; i++) {
            const mtmd_decoder_pos & relative = encoding_->positions[offset_ + i];
            if (!encoding_->mrope) {
                positions[i] = position_ + offset_ + i;
                continue;
            }
            // One run an axis, each as long as this slice: t… y… x… z…
            positions[i] = position_ + static_cast<llama_pos>(relative.t);
            positions[i + count_] = position_ + static_cast<llama_pos>(relative.y);
            positions[i + count_ * 2] = position_ + static_cast<llama_pos>(relative.x);
            positions[i + count_ * 3] = static_cast<llama_pos>(relative.z);
        }

        llama_batch batch = {};
        batch.n_tokens = count_;
        // llama_batch is not const-correct; llama_decode only reads the embeddings.
        batch.embd = const_cast<float *>(encoding_->embeddings.data()) + static_cast<size_t>(offset_) * width;
        batch.pos = positions.data();
        batch.n_seq_id = sequence_counts.data();
        batch.seq_id = sequences.data();
        batch.logits = logits.data();

        const int32_t status = llama_decode(context_, batch);
        if (status == 1) throw std::runtime_error("No free KV cells for the picture");
        if (status != 0) throw std::runtime_error("llama_decode failed on a picture, status " + std::to_string(status));
        llama_synchronize(context_);
    }

private:
    llama_context * context_;
    Napi::ObjectReference context_ref_;  // keeps node-llama-cpp from collecting the context meanwhile
    std::shared_ptr<const Encoding> encoding_;
    llama_seq_id sequence_;
    llama_pos position_;
    int32_t offset_;
    int32_t count_;
    int32_t threads_;
};

}  // namespace

Napi::Function Picture::define(Napi::Env env) {
    Napi::Function function = DefineClass(env, "Picture", {
        InstanceAccessor<&Picture::tokens>("tokens"),
        InstanceAccessor<&Picture::span>("span"),
        InstanceAccessor<&Picture::bytes>("bytes"),
        InstanceMethod<&Picture::decode>("decode"),
        InstanceMethod<&Picture::dispose>("dispose"),
    });
    constructor = Napi::Persistent(function);
    constructor.SuppressDestruct();
    return function;
}

Napi::Object Picture::create(Napi::Env env, std::shared_ptr<const Encoding> encoding) {
    return constructor.New({ Napi::External<std::shared_ptr<const Encoding>>::New(env, &encoding) });
}

Picture::Picture(const Napi::CallbackInfo & info) : ObjectWrap(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "A picture comes from Vision.encode");
    encoding_ = *info[0].As<Napi::External<std::shared_ptr<const Encoding>>>().Data();
}

const Encoding & Picture::alive(Napi::Env env) const {
    if (!encoding_) throw Napi::Error::New(env, "The picture was disposed");
    return *encoding_;
}

Napi::Value Picture::tokens(const Napi::CallbackInfo & info) {
    return Napi::Number::New(info.Env(), alive(info.Env()).tokens);
}

Napi::Value Picture::span(const Napi::CallbackInfo & info) {
    return Napi::Number::New(info.Env(), alive(info.Env()).span);
}

Napi::Value Picture::bytes(const Napi::CallbackInfo & info) {
    const Encoding & encoding = alive(info.Env());
    return Napi::Number::New(info.Env(), static_cast<double>(encoding.embeddings.size() * sizeof(float)
        + encoding.positions.size() * sizeof(mtmd_decoder_pos)));
}

Napi::Value Picture::decode(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    const Encoding & encoding = alive(env);
    if (info.Length() != 6) throw Napi::TypeError::New(env, "decode(context, sequence, position, offset, count, threads)");
    llama_context * context = llama_access::context_of(info[0]);
    const int32_t sequence = info[1].ToNumber().Int32Value();
    const int32_t position = info[2].ToNumber().Int32Value();
    const int32_t offset = info[3].ToNumber().Int32Value();
    const int32_t count = info[4].ToNumber().Int32Value();
    const int32_t threads = info[5].ToNumber().Int32Value();

    // Each of these would be a failed assertion inside llama.cpp, which ends the process.
    if (sequence < 0 || static_cast<uint32_t>(sequence) >= llama_n_seq_max(context)) {
        throw Napi::RangeError::New(env, "No such sequence: " + std::to_string(sequence));
    }
    if (position < 0) throw Napi::RangeError::New(env, "The position is negative");
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    if (offset < 0 || count < 1 || offset > encoding.tokens - count) {
        throw Napi::RangeError::New(env, "The slice is outside the picture's " + std::to_string(encoding.tokens) + " tokens");
    }
    if (static_cast<uint32_t>(count) > llama_n_batch(context)) throw Napi::RangeError::New(env, "The slice is longer than the batch");
    const size_t width = llama_model_n_embd_inp(llama_get_model(context));
    if (encoding.embeddings.size() != width * encoding.tokens) throw Napi::TypeError::New(env, "The picture was encoded for another model");

    return Lane::decoding(env).run(env, std::make_unique<Decode>(context, info[0].As<Napi::Object>(), encoding_, sequence, position, offset, count, threads));
}

void Picture::dispose(const Napi::CallbackInfo &) {
    // A decode that is under way holds a reference of its own.
    encoding_.reset();
}
