#include "step.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lane.h"
#include "llama-access.h"
#include "sampler.h"
#include "threads.h"

namespace {

/** True where the end of a sequence can be removed and the rest be used. A window that slides has thrown away cells in silence. */
bool can_forget(const llama_context * context) {
    const llama_model * model = llama_get_model(context);
    return !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model) && llama_model_n_swa(model) == 0;
}

constexpr int32_t NOT_ASKED = -1;
constexpr int32_t NONE_LEFT = -2;

struct Item {
    llama_seq_id sequence;
    llama_pos position;
    std::vector<llama_token> tokens;
    std::shared_ptr<Sampling> sampling;  // null: only evaluate
};

/** A token that only keeps sequences together. */
struct Filler {
    llama_seq_id sequence;
    llama_pos position;
};

/** What llama_decode takes, with room for it. */
class Batch {
public:
    int32_t size() const { return static_cast<int32_t>(tokens_.size()); }

    void add(llama_token token, llama_seq_id sequence, llama_pos position, bool logits) {
        tokens_.push_back(token);
        sequences_.push_back(sequence);
        positions_.push_back(position);
        logits_.push_back(logits);
    }

    int32_t decode(llama_context * context) {
        std::vector<int32_t> counts(tokens_.size(), 1);
        std::vector<llama_seq_id *> pointers;
        for (llama_seq_id & sequence : sequences_) pointers.push_back(&sequence);
        llama_batch batch = {};
        batch.n_tokens = size();
        batch.token = tokens_.data();
        batch.pos = positions_.data();
        batch.n_seq_id = counts.data();
        batch.seq_id = pointers.data();
        batch.logits = logits_.data();
        return llama_decode(context, batch);
    }

private:
    std::vector<llama_token> tokens_;
    std::vector<llama_seq_id> sequences_;
    std::vector<llama_pos> positions_;
    std::vector<int8_t> logits_;
};

class Step : public Task {
public:
    Step(llama_context * context, Napi::Object context_object, std::vector<Item> items, size_t most_fillers, int32_t threads)
        : context_(context), context_ref_(Napi::Persistent(context_object)), items_(std::move(items)), most_fillers_(most_fillers), threads_(threads),
          rows_(items_.size()), next_(items_.size(), NOT_ASKED) {}

    void execute() override {
        llama_set_n_threads(context_, threads_, threads_);
        const size_t room = llama_n_batch(context_);
        for (size_t begin = 0, end = 0; begin < items_.size(); begin = end) {
            size_t tokens = 0;
            while (end < items_.size() && tokens + items_[end].tokens.size() <= room) tokens += items_[end++].tokens.size();
            const int32_t status = run(begin, end);
            if (status == 1) throw std::runtime_error("No free KV cells");
            if (status != 0) throw std::runtime_error("llama_decode failed, status " + std::to_string(status));
        }
        llama_synchronize(context_);
    }

    Napi::Value result(Napi::Env env) override {
        Napi::Int32Array result = Napi::Int32Array::New(env, next_.size());
        std::copy(next_.begin(), next_.end(), result.Data());
        return result;
    }

private:
    /** Decodes items [begin, end) together and samples. */
    int32_t run(size_t begin, size_t end) {
        const std::vector<Filler> fillers = find_fillers(begin, end);
        int32_t status = decode(begin, end, fillers);
        // A filler needs a cell, which its sequence may not have left; nothing was decoded then.
        if (status == 1 && !fillers.empty()) status = decode(begin, end, {});
        if (status != 0) return status;
        for (const auto & [sequence, position] : fillers) llama_memory_seq_rm(llama_get_memory(context_), sequence, position, -1);
        for (size_t i = begin; i < end; i++) {
            if (items_[i].sampling) next_[i] = sample(*items_[i].sampling, rows_[i]);
        }
        return 0;
    }

    int32_t decode(size_t begin, size_t end, const std::vector<Filler> & fillers) {
        Batch batch;
        auto filler = fillers.begin();
        for (size_t i = begin; i < end; i++) {
            const Item & item = items_[i];
            for (; filler != fillers.end() && filler->sequence < item.sequence; filler++) batch.add(item.tokens[0], filler->sequence, filler->position, false);
            for (size_t j = 0; j < item.tokens.size(); j++) {
                const bool last = j + 1 == item.tokens.size();
                batch.add(item.tokens[j], item.sequence, item.position + static_cast<llama_pos>(j), last && item.sampling);
            }
            rows_[i] = batch.size() - 1;
        }
        return batch.decode(context_);
    }

    /** One for each sequence that is missing between those of the items; none when they are more than allowed or than there is room for. */
    std::vector<Filler> find_fillers(size_t begin, size_t end) const {
        std::vector<Filler> fillers;
        if (most_fillers_ == 0 || !can_forget(context_)) return fillers;
        size_t tokens = items_[begin].tokens.size();
        for (size_t i = begin + 1; i < end; i++) {
            tokens += items_[i].tokens.size();
            for (llama_seq_id sequence = items_[i - 1].sequence + 1; sequence < items_[i].sequence; sequence++) {
                fillers.push_back({ sequence, llama_memory_seq_pos_max(llama_get_memory(context_), sequence) + 1 });
            }
        }
        if (fillers.size() > most_fillers_ || tokens + fillers.size() > llama_n_batch(context_)) fillers.clear();
        return fillers;
    }

    int32_t sample(Sampling & sampling, int32_t row) {
        const float * logits = llama_get_logits_ith(context_, row);
        try {
            const llama_token token = logits ? sampling.next(logits) : Sampling::NONE;
            return token == Sampling::NONE ? NONE_LEFT : token;
        } catch (const std::exception &) {
            // llama.cpp's grammar refuses a token like this. It is one answer's trouble, not that of all.
            return NONE_LEFT;
        }
    }

    llama_context * context_;
    Napi::ObjectReference context_ref_;  // keeps node-llama-cpp from collecting the context meanwhile
    std::vector<Item> items_;
    size_t most_fillers_;
    int32_t threads_;
    std::vector<int32_t> rows_;  // of each item's last token in its batch
    std::vector<int32_t> next_;
};

class Forget : public Task {
public:
    Forget(llama_context * context, Napi::Object context_object, llama_seq_id sequence, llama_pos from)
        : context_(context), context_ref_(Napi::Persistent(context_object)), sequence_(sequence), from_(from) {}

    void execute() override { forgotten_ = (from_ <= 0 || can_forget(context_)) && llama_memory_seq_rm(llama_get_memory(context_), sequence_, from_, -1); }

    Napi::Value result(Napi::Env env) override { return Napi::Boolean::New(env, forgotten_); }

private:
    llama_context * context_;
    Napi::ObjectReference context_ref_;
    llama_seq_id sequence_;
    llama_pos from_;
    bool forgotten_ = false;
};

llama_seq_id sequence_of(const Napi::Value & value, const llama_context * context) {
    const int32_t sequence = value.ToNumber().Int32Value();
    if (sequence < 0 || static_cast<uint32_t>(sequence) >= llama_n_seq_max(context)) {
        throw Napi::RangeError::New(value.Env(), "No such sequence: " + std::to_string(sequence));
    }
    return sequence;
}

/** Checks what llama.cpp would only assert, which ends the process. */
Item item_of(const Napi::Object & object, const llama_context * context) {
    const Napi::Env env = object.Env();
    Item item;
    item.sequence = sequence_of(object.Get("sequence"), context);
    item.position = object.Get("position").ToNumber().Int32Value();
    if (item.position < 0) throw Napi::RangeError::New(env, "The position is negative");

    const Napi::Array tokens = object.Get("tokens").As<Napi::Array>();
    const uint32_t length = tokens.IsArray() ? tokens.Length() : 0;
    if (length < 1 || length > llama_n_batch(context)) throw Napi::RangeError::New(env, "The tokens are none, or more than a batch");
    const int32_t vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
    for (uint32_t i = 0; i < length; i++) {
        const int32_t token = Napi::Value(tokens[i]).ToNumber().Int32Value();
        if (token < 0 || token >= vocabulary) throw Napi::RangeError::New(env, "No such token: " + std::to_string(token));
        item.tokens.push_back(token);
    }

    const Napi::Value sampler = object.Get("sampler");
    if (!sampler.IsNull()) item.sampling = Sampler::of(sampler);
    return item;
}

}  // namespace

Napi::Value step(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    if (info.Length() != 4 || !info[1].IsArray()) throw Napi::TypeError::New(env, "step(context, items, mostFillers, threads)");
    llama_context * context = llama_access::context_of(info[0]);
    const uint32_t most_fillers = info[2].ToNumber().Uint32Value();
    const int32_t threads = info[3].ToNumber().Int32Value();
    if (threads < 1) throw Napi::RangeError::New(env, "At least one thread is needed");
    const Napi::Array array = info[1].As<Napi::Array>();
    std::vector<Item> items;
    for (uint32_t i = 0; i < array.Length(); i++) {
        items.push_back(item_of(Napi::Value(array[i]).As<Napi::Object>(), context));
        if (i > 0 && items[i - 1].sequence >= items[i].sequence) throw Napi::RangeError::New(env, "The sequences do not ascend");
    }

    return Lane::decoding(env).run(env, std::make_unique<Step>(context, info[0].As<Napi::Object>(), std::move(items), most_fillers, threads));
}

Napi::Value forget(const Napi::CallbackInfo & info) {
    Napi::Env env = info.Env();
    llama_context * context = llama_access::context_of(info[0]);
    const llama_seq_id sequence = sequence_of(info[1], context);
    const llama_pos from = info[2].ToNumber().Int32Value();
    return Lane::decoding(env).run(env, std::make_unique<Forget>(context, info[0].As<Napi::Object>(), sequence, from));
}

void attach_threads(const Napi::CallbackInfo & info) {
    llama_context * context = llama_access::context_of(info[0]);
    try {
        llama_attach_threadpool(context, create_threads(info[1].ToNumber().Int32Value()), nullptr);
    } catch (const std::exception & error) {
        throw Napi::Error::New(info.Env(), error.what());
    }
}
