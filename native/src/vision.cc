#include "vision.h"

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "lane.h"
#include "llama-access.h"
#include "pacer.h"
#include "picture.h"

namespace {

Napi::FunctionReference constructor;

class LoadWorker : public Napi::AsyncWorker {
public:
    LoadWorker(Napi::Env env, llama_model * model, Napi::Object model_object, std::string path, mtmd_context_params params, bool shares_lane)
        : AsyncWorker(env, "SightlineLoadVision"), deferred(Napi::Promise::Deferred::New(env)), model_(model),
          model_ref_(Napi::Persistent(model_object)), path_(std::move(path)), params_(params), shares_lane_(shares_lane), pacer_(std::make_unique<Pacer>()) {}

    Napi::Promise::Deferred deferred;

protected:
    void Execute() override {
        // On a GPU the stretches would only make it wait.
        if (!params_.use_gpu) pacer_->attach(params_);
        context_.reset(mtmd_init_from_file(path_.c_str(), model_, params_));
        if (!context_) return SetError("The projector cannot be loaded, or it does not belong to the model");
        if (!mtmd_support_vision(context_.get())) return SetError("The projector has no vision encoder");
        if (mtmd_decode_use_non_causal(context_.get(), nullptr)) return SetError("The projector wants non-causal attention; only the Qwen-VL family is supported");
        if (!params_.use_gpu) pacer_->keep_threads(context_.get(), params_.n_threads);
    }

    void OnOK() override { deferred.Resolve(Vision::create(Env(), std::move(context_), std::move(pacer_), model_ref_.Value(), shares_lane_)); }
    void OnError(const Napi::Error & error) override { deferred.Reject(error.Value()); }

private:
    llama_model * model_;
    Napi::ObjectReference model_ref_;
    std::string path_;
    mtmd_context_params params_;
    bool shares_lane_;
    std::unique_ptr<Pacer> pacer_;
    mtmd::context_ptr context_;
};

}  // namespace

class Encode : public Task {
public:
    Encode(Vision * vision, Napi::Object vision_object, std::vector<uint8_t> rgb, uint32_t width, uint32_t height)
        : vision_(vision), vision_ref_(Napi::Persistent(vision_object)), rgb_(std::move(rgb)), width_(width), height_(height) {}

    ~Encode() override { vision_->busy_ = false; }

    void execute() override {
        mtmd_context * context = vision_->context_.get();
        mtmd::bitmap bitmap(width_, height_, rgb_.data());
        rgb_ = {};

        // The bare marker: the texts around the picture's chunk are the template's affair.
        const char * marker = mtmd_get_marker(context);
        mtmd_input_text text = {};
        text.text = marker;
        text.text_len = std::strlen(marker);
        text.add_special = false;
        text.parse_special = true;
        mtmd::input_chunks chunks(mtmd_input_chunks_init());
        const mtmd_bitmap * bitmaps[] = { bitmap.ptr.get() };
        if (mtmd_tokenize(context, chunks.ptr.get(), &text, bitmaps, 1) != 0) throw std::runtime_error("The picture cannot be cut into patches");

        const mtmd_input_chunk * image = nullptr;
        for (size_t i = 0; i < chunks.size(); i++) {
            if (mtmd_input_chunk_get_type(chunks[i]) != MTMD_INPUT_CHUNK_TYPE_IMAGE) continue;
            if (image != nullptr) throw std::runtime_error("The projector cuts a picture into several; only the Qwen-VL family is supported");
            image = chunks[i];
        }
        if (image == nullptr) throw std::runtime_error("The projector made no tokens of the picture");

        if (mtmd_encode_chunk(context, image) != 0) throw std::runtime_error("The picture cannot be encoded");
        if (vision_->pacer_->cancelled()) throw std::runtime_error("The encoding was cancelled");

        auto encoding = std::make_shared<Encoding>();
        encoding->tokens = static_cast<int32_t>(mtmd_input_chunk_get_n_tokens(image));
        encoding->span = mtmd_input_chunk_get_n_pos(image);
        encoding->mrope = mtmd_decode_use_mrope(context);
        const mtmd_image_tokens * tokens = mtmd_input_chunk_get_tokens_image(image);
        for (int32_t i = 0; i < encoding->tokens; i++) encoding->positions.push_back(mtmd_image_tokens_get_decoder_pos(tokens, 0, i));
        const float * output = mtmd_get_output_embd(context);
        const size_t width = llama_model_n_embd_inp(vision_->llama_);
        encoding->embeddings.assign(output, output + width * encoding->tokens);
        encoding_ = std::move(encoding);
    }

    Napi::Value result(Napi::Env env) override { return Picture::create(env, encoding_); }

private:
    Vision * vision_;
    Napi::ObjectReference vision_ref_;
    std::vector<uint8_t> rgb_;
    uint32_t width_;
    uint32_t height_;
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

Napi::Object Vision::create(Napi::Env env, mtmd::context_ptr context, std::unique_ptr<Pacer> pacer, Napi::Object model, bool shares_lane) {
    return constructor.New({ Napi::External<mtmd::context_ptr>::New(env, &context), Napi::External<std::unique_ptr<Pacer>>::New(env, &pacer), model, Napi::Boolean::New(env, shares_lane) });
}

Vision::Vision(const Napi::CallbackInfo & info) : ObjectWrap(info) {
    if (info.Length() != 4 || !info[0].IsExternal() || !info[1].IsExternal()) throw Napi::TypeError::New(info.Env(), "Use Vision.load");
    context_ = std::move(*info[0].As<Napi::External<mtmd::context_ptr>>().Data());
    pacer_ = std::move(*info[1].As<Napi::External<std::unique_ptr<Pacer>>>().Data());
    model_ = Napi::Persistent(info[2].As<Napi::Object>());
    llama_ = llama_access::model_of(info[2]);
    shares_lane_ = info[3].ToBoolean();
}

Napi::Value Vision::load(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[1].IsString() || !info[2].IsObject()) throw Napi::TypeError::New(env, "load(model, path, options)");
    llama_model * model = llama_access::model_of(info[0]);
    Napi::Object options = info[2].As<Napi::Object>();

    mtmd_context_params params = mtmd_context_params_default();
    params.use_gpu = options.Get("gpu").ToBoolean();
    params.n_threads = options.Get("threads").ToNumber().Int32Value();
    params.image_min_tokens = options.Get("minTokens").ToNumber().Int32Value();
    params.image_max_tokens = options.Get("maxTokens").ToNumber().Int32Value();
    params.print_timings = false;
    // mtmd's own warm-up encodes 2116 tokens whatever the limits are.
    params.warmup = false;

    auto * worker = new LoadWorker(env, model, info[0].As<Napi::Object>(), info[1].As<Napi::String>(), params, options.Get("sharesLane").ToBoolean());
    Napi::Promise promise = worker->deferred.Promise();
    worker->Queue();
    return promise;
}

Napi::Value Vision::encode(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 4 || !info[0].IsTypedArray()) throw Napi::TypeError::New(env, "encode(rgb, width, height, threads)");
    if (!context_) throw Napi::Error::New(env, "The projector was disposed");
    const auto rgb = info[0].As<Napi::Uint8Array>();
    const uint32_t width = info[1].ToNumber().Uint32Value();
    const uint32_t height = info[2].ToNumber().Uint32Value();
    const int threads = info[3].ToNumber().Int32Value();
    if (width < 1 || height < 1 || rgb.ByteLength() != static_cast<size_t>(width) * height * 3) {
        throw Napi::RangeError::New(env, "The pixels are not width x height x 3 bytes");
    }
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    if (busy_) throw Napi::Error::New(env, "The projector encodes one picture at a time");
    busy_ = true;

    // Here and not on the other thread: what is changed or cancelled from now on counts.
    pacer_->begin(context_.get(), threads);
    Lane & lane = shares_lane_ ? Lane::decoding(env) : Lane::encoding(env);
    return lane.run(env, std::make_unique<Encode>(this, Value(), std::vector<uint8_t>(rgb.Data(), rgb.Data() + rgb.ByteLength()), width, height));
}

void Vision::set_threads(const Napi::CallbackInfo & info) {
    const int threads = info.Length() == 1 ? info[0].ToNumber().Int32Value() : 0;
    if (threads < 1) throw Napi::RangeError::New(info.Env(), "At least one thread is needed");
    pacer_->set_threads(threads);
}

void Vision::cancel(const Napi::CallbackInfo &) {
    pacer_->cancel();
}

void Vision::dispose(const Napi::CallbackInfo & info) {
    if (busy_) throw Napi::Error::New(info.Env(), "The projector is encoding");
    context_.reset();
}
