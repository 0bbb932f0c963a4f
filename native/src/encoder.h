#pragma once

#include <memory>
#include <string>

#include "encoding.h"
#include "mtmd.h"
#include "pacer.h"

struct EncoderOptions {
    bool gpu = false;
    int threads = 1;      // maximum of CPU threads for an encoding
    int min_tokens = -1;  // limits of mtmd's resizing, in tokens of one image; -1 for the projector's default
    int max_tokens = -1;
};

/** The projector: it computes embeddings from pixels. It uses no llama_context and therefore needs no lock. */
class Encoder {
public:
    /**
     * Throws std::runtime_error when the file cannot be read, belongs to another model, or does not belong to the
     * Qwen-VL family.
     */
    Encoder(const std::string & path, const llama_model * model, const EncoderOptions & options);

    /**
     * Must precede each `encode`, on the thread that requests it. `set_threads` and `cancel` apply to that encoding
     * from this call on.
     */
    void begin(int threads) { pacer_.begin(context_.get(), threads); }

    /** Runs on any thread, one call at a time. Throws std::runtime_error when it fails or was cancelled. */
    std::shared_ptr<const Encoding> encode(const mtmd::bitmap & bitmap);

    /** `set_threads` and `cancel` may be called while another thread encodes. */
    void set_threads(int threads) { pacer_.set_threads(threads); }
    void cancel() { pacer_.cancel(); }

private:
    const llama_model * model_;
    Pacer pacer_;  // declared before the context, which calls it, so that it is destroyed later
    mtmd::context_ptr context_;
};
