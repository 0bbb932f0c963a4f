#include "step.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "cancellation.h"
#include "evaluation.h"
#include "lane.h"
#include "llama-access.h"
#include "sampler.h"
#include "threads.h"

namespace {

class Step : public Task {
public:
    Step(Napi::Object context_object, Evaluation evaluation, std::shared_ptr<const std::atomic<bool>> cancelled)
        : Task(context_object), evaluation_(std::move(evaluation)), cancelled_(std::move(cancelled)) {}

    void execute() override { evaluation_.run(cancelled_.get()); }

    Napi::Value result(Napi::Env env) override {
        const std::vector<int32_t> & next = evaluation_.next();
        Napi::Int32Array result = Napi::Int32Array::New(env, next.size());
        std::copy(next.begin(), next.end(), result.Data());
        return result;
    }

private:
    Evaluation evaluation_;
    std::shared_ptr<const std::atomic<bool>> cancelled_;
};

/** Reads and checks an item. In llama.cpp, an invalid item fails an assertion, which ends the process. */
Item item_of(const Napi::Object & object, const llama_context * context) {
    const Napi::Env env = object.Env();
    Item item;
    item.sequence = llama_access::sequence_of(object.Get("sequence"), context);
    item.position = object.Get("position").ToNumber().Int32Value();
    if (item.position < 0) throw Napi::RangeError::New(env, "The position is negative");

    const Napi::Array tokens = object.Get("tokens").As<Napi::Array>();
    const uint32_t length = tokens.IsArray() ? tokens.Length() : 0;
    if (length < 1 || length > llama_n_batch(context)) {
        throw Napi::RangeError::New(env, "An item has no tokens, or more than a batch");
    }
    const int32_t vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
    for (uint32_t i = 0; i < length; i++) {
        const int32_t token = Napi::Value(tokens[i]).ToNumber().Int32Value();
        if (token < 0 || token >= vocabulary) {
            throw Napi::RangeError::New(env, "No such token: " + std::to_string(token));
        }
        item.tokens.push_back(token);
    }

    const Napi::Value sampler = object.Get("sampler");
    if (!sampler.IsNull()) item.sampling = Sampler::of(sampler);
    return item;
}

}  // namespace

Napi::Value step(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 5 || !info[1].IsArray()) {
        throw Napi::TypeError::New(env, "Expected step(context, items, mostFillers, threads, cancellation)");
    }
    llama_context * context = llama_access::context_of(info[0]);
    const uint32_t most_fillers = info[2].ToNumber().Uint32Value();
    const int32_t threads = info[3].ToNumber().Int32Value();
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    auto cancelled = Cancellation::of(info[4]);
    const Napi::Array array = info[1].As<Napi::Array>();
    std::vector<Item> items;
    for (uint32_t i = 0; i < array.Length(); i++) {
        items.push_back(item_of(Napi::Value(array[i]).As<Napi::Object>(), context));
        if (i > 0 && items[i - 1].sequence >= items[i].sequence) {
            throw Napi::RangeError::New(env, "The sequences are not in ascending order");
        }
    }

    Evaluation evaluation(context, std::move(items), most_fillers, threads);
    return Lane::decoding(env).run(env, std::make_unique<Step>(
        info[0].As<Napi::Object>(), std::move(evaluation), std::move(cancelled)));
}

void attach_threads(const Napi::CallbackInfo & info) {
    llama_context * context = llama_access::context_of(info[0]);
    try {
        llama_attach_threadpool(context, create_threads(info[1].ToNumber().Int32Value()), nullptr);
    } catch (const std::exception & error) {
        throw Napi::Error::New(info.Env(), error.what());
    }
}
