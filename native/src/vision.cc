#include "vision.h"

#include <string>

#include "encoded-image.h"
#include "lane.h"
#include "llama-access.h"

namespace {

Napi::FunctionReference constructor;

class LoadWorker : public Napi::AsyncWorker {
public:
    LoadWorker(Napi::Env env, llama_model * model, Napi::Object model_object, std::string path, EncoderOptions options,
        bool shares_lane)
        : AsyncWorker(env, "SightlineLoadVision"), deferred(Napi::Promise::Deferred::New(env)), model_(model),
          model_ref_(Napi::Persistent(model_object)), path_(std::move(path)), options_(options),
          shares_lane_(shares_lane) {}

    Napi::Promise::Deferred deferred;

protected:
    void Execute() override { encoder_ = std::make_unique<Encoder>(path_, model_, options_); }
    void OnOK() override {
        deferred.Resolve(Vision::create(Env(), std::move(encoder_), model_ref_.Value(), shares_lane_));
    }
    void OnError(const Napi::Error & error) override { deferred.Reject(error.Value()); }

private:
    llama_model * model_;
    Napi::ObjectReference model_ref_;
    std::string path_;
    EncoderOptions options_;
    bool shares_lane_;
    std::unique_ptr<Encoder> encoder_;
};

}  // namespace

class Encode : public Task {
public:
    Encode(Vision * vision, Napi::Object vision_object, Encoder * encoder, mtmd::bitmap bitmap)
        : Task(vision_object), vision_(vision), encoder_(encoder), bitmap_(std::move(bitmap)) {}

    ~Encode() override { vision_->busy_ = false; }

    void execute() override { encoding_ = encoder_->encode(bitmap_); }

    Napi::Value result(Napi::Env env) override { return EncodedImage::create(env, encoding_); }

private:
    Vision * vision_;
    Encoder * encoder_;
    mtmd::bitmap bitmap_;
    std::shared_ptr<const Encoding> encoding_;
};

Napi::Function Vision::define(Napi::Env env) {
    Napi::Function function = DefineClass(env, "Vision", {
        StaticMethod<&Vision::load>("load"),
        InstanceMethod<&Vision::encode>("encode"),
        InstanceMethod<&Vision::set_threads>("setThreads"),
        InstanceMethod<&Vision::cancel>("cancel"),
        InstanceMethod<&Vision::dispose>("dispose"),
    });
    constructor = Napi::Persistent(function);
    constructor.SuppressDestruct();
    return function;
}

Napi::Object Vision::create(Napi::Env env, std::unique_ptr<Encoder> encoder, Napi::Object model, bool shares_lane) {
    return constructor.New({
        Napi::External<std::unique_ptr<Encoder>>::New(env, &encoder), model, Napi::Boolean::New(env, shares_lane)
    });
}

Vision::Vision(const Napi::CallbackInfo & info) : ObjectWrap(info) {
    if (info.Length() != 3 || !info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Use Vision.load");
    encoder_ = std::move(*info[0].As<Napi::External<std::unique_ptr<Encoder>>>().Data());
    model_ = Napi::Persistent(info[1].As<Napi::Object>());
    shares_lane_ = info[2].ToBoolean();
}

Napi::Value Vision::load(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[1].IsString() || !info[2].IsObject()) {
        throw Napi::TypeError::New(env, "Expected load(model, path, options)");
    }
    llama_model * model = llama_access::model_of(info[0]);
    Napi::Object object = info[2].As<Napi::Object>();

    EncoderOptions options;
    options.gpu = object.Get("gpu").ToBoolean();
    options.threads = object.Get("threads").ToNumber().Int32Value();
    options.min_tokens = object.Get("minTokens").ToNumber().Int32Value();
    options.max_tokens = object.Get("maxTokens").ToNumber().Int32Value();

    auto * worker = new LoadWorker(env, model, info[0].As<Napi::Object>(), info[1].As<Napi::String>(), options,
        object.Get("sharesLane").ToBoolean());
    Napi::Promise promise = worker->deferred.Promise();
    worker->Queue();
    return promise;
}

Napi::Value Vision::encode(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 4 || !info[0].IsTypedArray()) {
        throw Napi::TypeError::New(env, "Expected encode(rgb, width, height, threads)");
    }
    if (!encoder_) throw Napi::Error::New(env, "The projector was disposed");
    const auto rgb = info[0].As<Napi::Uint8Array>();
    const uint32_t width = info[1].ToNumber().Uint32Value();
    const uint32_t height = info[2].ToNumber().Uint32Value();
    const int threads = info[3].ToNumber().Int32Value();
    if (width < 1 || height < 1 || rgb.ByteLength() != static_cast<size_t>(width) * height * 3) {
        throw Napi::RangeError::New(env, "The pixels are not width x height x 3 bytes");
    }
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    if (busy_) throw Napi::Error::New(env, "The projector encodes one image at a time");
    busy_ = true;

    encoder_->begin(threads);
    Lane & lane = shares_lane_ ? Lane::decoding(env) : Lane::encoding(env);
    mtmd::bitmap bitmap(width, height, rgb.Data());
    return lane.run(env, std::make_unique<Encode>(this, Value(), encoder_.get(), std::move(bitmap)));
}

void Vision::set_threads(const Napi::CallbackInfo & info) {
    const int threads = info.Length() == 1 ? info[0].ToNumber().Int32Value() : 0;
    if (threads < 1) throw Napi::RangeError::New(info.Env(), "At least one thread is needed");
    if (encoder_) encoder_->set_threads(threads);
}

void Vision::cancel(const Napi::CallbackInfo &) {
    if (encoder_) encoder_->cancel();
}

void Vision::dispose(const Napi::CallbackInfo & info) {
    if (busy_) throw Napi::Error::New(info.Env(), "The projector is encoding");
    encoder_.reset();
}
