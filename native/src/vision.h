#pragma once

#include <napi.h>

#include <memory>

#include "encoder.h"

/** The projector, as JavaScript sees it: one encoding at a time. */
class Vision : public Napi::ObjectWrap<Vision> {
public:
    static Napi::Function define(Napi::Env env);
    static Napi::Object create(Napi::Env env, std::unique_ptr<Encoder> encoder, Napi::Object model, bool shares_lane);

    explicit Vision(const Napi::CallbackInfo & info);

private:
    /** Vision.load(model._model, path, { gpu, threads, minTokens, maxTokens, sharesLane }): Promise<Vision> */
    static Napi::Value load(const Napi::CallbackInfo & info);
    /** encode(rgb, width, height, threads): Promise<EncodedImage>, on the encoding lane, or the decoding lane where that is shared */
    Napi::Value encode(const Napi::CallbackInfo & info);
    /** setThreads(threads): of the encoding that runs, from its next stretch on */
    void set_threads(const Napi::CallbackInfo & info);
    /** cancel(): the encoding that runs rejects soon */
    void cancel(const Napi::CallbackInfo & info);
    void dispose(const Napi::CallbackInfo & info);

    std::unique_ptr<Encoder> encoder_;  // null once it was disposed of
    Napi::ObjectReference model_;  // the projector reads the text model's sizes: keep it alive
    bool shares_lane_ = false;
    bool busy_ = false;  // known to JavaScript's thread only

    friend class Encode;
};
