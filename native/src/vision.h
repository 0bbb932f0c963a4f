#pragma once

#include <napi.h>

#include <memory>

#include "encoder.h"

/** The projector as a JavaScript class. It runs one encoding at a time. */
class Vision : public Napi::ObjectWrap<Vision> {
public:
    static Napi::Function define(Napi::Env env);
    static Napi::Object create(Napi::Env env, std::unique_ptr<Encoder> encoder, Napi::Object model, bool shares_lane);

    explicit Vision(const Napi::CallbackInfo & info);

private:
    /** Vision.load(model._model, path, { gpu, threads, minTokens, maxTokens, sharesLane }): Promise<Vision> */
    static Napi::Value load(const Napi::CallbackInfo & info);
    /**
     * encode(rgb, width, height, threads): Promise<EncodedImage>. Runs on the encoding lane; with `sharesLane`, on the
     * decoding lane.
     */
    Napi::Value encode(const Napi::CallbackInfo & info);
    /** setThreads(threads): changes the threads of the running encoding from its next stretch on (pacer.h) */
    void set_threads(const Napi::CallbackInfo & info);
    /** cancel(): the running encoding rejects after its current stretch */
    void cancel(const Napi::CallbackInfo & info);
    void dispose(const Napi::CallbackInfo & info);

    std::unique_ptr<Encoder> encoder_;  // null after `dispose`
    Napi::ObjectReference model_;  // keeps the text model alive, because the projector reads its sizes
    bool shares_lane_ = false;
    bool busy_ = false;  // used only on JavaScript's thread

    friend class Encode;
};
