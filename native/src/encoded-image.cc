#include "encoded-image.h"

#include <string>

#include "cancellation.h"
#include "lane.h"
#include "llama-access.h"

namespace {

Napi::FunctionReference constructor;

class Decode : public Task {
public:
    Decode(llama_context * context, Napi::Object context_object, std::shared_ptr<const Encoding> encoding, Slice slice,
        int32_t threads, std::shared_ptr<const std::atomic<bool>> cancelled)
        : Task(context_object), context_(context), encoding_(std::move(encoding)), slice_(slice), threads_(threads),
          cancelled_(std::move(cancelled)) {}

    void execute() override { decode_slice(context_, *encoding_, slice_, threads_, cancelled_.get()); }

private:
    llama_context * context_;
    std::shared_ptr<const Encoding> encoding_;
    Slice slice_;
    int32_t threads_;
    std::shared_ptr<const std::atomic<bool>> cancelled_;
};

}  // namespace

Napi::Function EncodedImage::define(Napi::Env env) {
    Napi::Function function = DefineClass(env, "EncodedImage", {
        InstanceAccessor<&EncodedImage::tokens>("tokens"),
        InstanceAccessor<&EncodedImage::span>("span"),
        InstanceAccessor<&EncodedImage::bytes>("bytes"),
        InstanceMethod<&EncodedImage::decode>("decode"),
        InstanceMethod<&EncodedImage::dispose>("dispose"),
    });
    constructor = Napi::Persistent(function);
    constructor.SuppressDestruct();
    return function;
}

Napi::Object EncodedImage::create(Napi::Env env, std::shared_ptr<const Encoding> encoding) {
    return constructor.New({ Napi::External<std::shared_ptr<const Encoding>>::New(env, &encoding) });
}

EncodedImage::EncodedImage(const Napi::CallbackInfo & info) : ObjectWrap(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Use Vision.encode");
    encoding_ = *info[0].As<Napi::External<std::shared_ptr<const Encoding>>>().Data();
}

const Encoding & EncodedImage::alive(Napi::Env env) const {
    if (!encoding_) throw Napi::Error::New(env, "The image was disposed");
    return *encoding_;
}

Napi::Value EncodedImage::tokens(const Napi::CallbackInfo & info) {
    return Napi::Number::New(info.Env(), alive(info.Env()).tokens);
}

Napi::Value EncodedImage::span(const Napi::CallbackInfo & info) {
    return Napi::Number::New(info.Env(), alive(info.Env()).span);
}

Napi::Value EncodedImage::bytes(const Napi::CallbackInfo & info) {
    const Encoding & encoding = alive(info.Env());
    return Napi::Number::New(info.Env(), static_cast<double>(encoding.embeddings.size() * sizeof(float)
        + encoding.positions.size() * sizeof(mtmd_decoder_pos)));
}

Napi::Value EncodedImage::decode(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    const Encoding & encoding = alive(env);
    if (info.Length() != 7) {
        throw Napi::TypeError::New(env, "decode(context, sequence, position, offset, count, threads, cancellation)");
    }
    llama_context * context = llama_access::context_of(info[0]);
    // In llama.cpp, each invalid argument fails an assertion, which ends the process.
    const llama_seq_id sequence = llama_access::sequence_of(info[1], context);
    const int32_t position = info[2].ToNumber().Int32Value();
    const int32_t offset = info[3].ToNumber().Int32Value();
    const int32_t count = info[4].ToNumber().Int32Value();
    const int32_t threads = info[5].ToNumber().Int32Value();
    auto cancelled = Cancellation::of(info[6]);

    if (position < 0) throw Napi::RangeError::New(env, "The position is negative");
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    if (offset < 0 || count < 1 || offset > encoding.tokens - count) {
        const std::string tokens = std::to_string(encoding.tokens);
        throw Napi::RangeError::New(env, "The slice is not within the " + tokens + " tokens of the image");
    }
    if (static_cast<uint32_t>(count) > llama_n_batch(context)) {
        throw Napi::RangeError::New(env, "The slice is longer than a batch");
    }
    const size_t width = llama_model_n_embd_inp(llama_get_model(context));
    if (encoding.embeddings.size() != width * encoding.tokens) {
        throw Napi::TypeError::New(env, "The image was encoded for another model");
    }

    const Slice slice = { sequence, position, offset, count };
    return Lane::decoding(env).run(env, std::make_unique<Decode>(
        context, info[0].As<Napi::Object>(), encoding_, slice, threads, std::move(cancelled)));
}

void EncodedImage::dispose(const Napi::CallbackInfo &) {
    // A running decode has its own reference to the encoding.
    encoding_.reset();
}
