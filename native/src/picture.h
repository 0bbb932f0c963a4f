#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "mtmd.h"

/** What an encoding leaves: the embeddings of one picture and the M-RoPE positions of its tokens, relative to its start. */
struct Encoding {
    std::vector<float> embeddings;             // [tokens × width of the model's input embedding]
    std::vector<mtmd_decoder_pos> positions;   // [tokens], for a picture that starts at position 0
    int32_t tokens = 0;                        // KV cells
    llama_pos span = 0;                        // positions that the picture takes: max(columns, rows) with M-RoPE
    bool mrope = false;
};

/** A picture as the model sees it. Immutable and shared: any number of sequences may decode it, also at the same time. */
class Picture : public Napi::ObjectWrap<Picture> {
public:
    static Napi::Function define(Napi::Env env);
    static Napi::Object create(Napi::Env env, std::shared_ptr<const Encoding> encoding);

    explicit Picture(const Napi::CallbackInfo & info);

private:
    Napi::Value tokens(const Napi::CallbackInfo & info);
    Napi::Value span(const Napi::CallbackInfo & info);
    Napi::Value bytes(const Napi::CallbackInfo & info);
    /** decode(context._ctx, sequenceId, position, offset, count, threads): Promise<void>, on the decoding lane. */
    Napi::Value decode(const Napi::CallbackInfo & info);
    void dispose(const Napi::CallbackInfo & info);

    const Encoding & alive(Napi::Env env) const;

    std::shared_ptr<const Encoding> encoding_;
};
