#pragma once

#include <memory>
#include <string>

#include "encoding.h"
#include "mtmd.h"
#include "pacer.h"

struct EncoderOptions {
    bool gpu = false;
    int threads = 1;      // as many as an encoding may ever take
    int min_tokens = -1;  // limits of mtmd's own resizing, for one image; -1: the projector's defaults
    int max_tokens = -1;
};

/** The projector: turns pixels into embeddings. Needs no llama_context and therefore no lock. */
class Encoder {
public:
    /** Throws std::runtime_error when the file cannot be read, belongs to another model, or is not of the Qwen-VL family's kind. */
    Encoder(const std::string & path, const llama_model * model, const EncoderOptions & options);

    /** Before each `encode`, by the thread that asks for it: what it changes or cancels from then on counts. */
    void begin(int threads) { pacer_.begin(context_.get(), threads); }

    /** One at a time, on any thread. Throws std::runtime_error, also when it was cancelled. */
    std::shared_ptr<const Encoding> encode(const mtmd::bitmap & bitmap);

    /** While another thread encodes. */
    void set_threads(int threads) { pacer_.set_threads(threads); }
    void cancel() { pacer_.cancel(); }

private:
    const llama_model * model_;
    Pacer pacer_;  // outlives the context, which calls it
    mtmd::context_ptr context_;
};
