#pragma once

#include <napi.h>

#include <memory>

#include "encoding.h"

/**
 * The embeddings of one image. An encoded image is immutable and shared: any number of sequences can decode it, also
 * at the same time.
 */
class EncodedImage : public Napi::ObjectWrap<EncodedImage> {
public:
    static Napi::Function define(Napi::Env env);
    static Napi::Object create(Napi::Env env, std::shared_ptr<const Encoding> encoding);

    explicit EncodedImage(const Napi::CallbackInfo & info);

private:
    Napi::Value tokens(const Napi::CallbackInfo & info);
    Napi::Value span(const Napi::CallbackInfo & info);
    Napi::Value bytes(const Napi::CallbackInfo & info);
    /**
     * decode(context._ctx, sequence, position, offset, count, threads, cancellation or null): Promise<void>. Runs on
     * the decoding lane.
     */
    Napi::Value decode(const Napi::CallbackInfo & info);
    void dispose(const Napi::CallbackInfo & info);

    const Encoding & alive(Napi::Env env) const;

    std::shared_ptr<const Encoding> encoding_;
};
