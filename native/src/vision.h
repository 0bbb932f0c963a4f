#pragma once

#include <napi.h>

#include <memory>

#include "mtmd.h"
#include "pacer.h"

/** The projector: turns pixels into embeddings. One encoding at a time; needs no llama_context and therefore no lock. */
class Vision : public Napi::ObjectWrap<Vision> {
public:
    static Napi::Function define(Napi::Env env);
    static Napi::Object create(Napi::Env env, mtmd::context_ptr context, std::unique_ptr<Pacer> pacer, Napi::Object model, bool shares_lane);

    explicit Vision(const Napi::CallbackInfo & info);

private:
    /** Vision.load(model._model, path, { gpu, threads, minTokens, maxTokens, sharesLane }): Promise<Vision> */
    static Napi::Value load(const Napi::CallbackInfo & info);
    /** encode(rgb, width, height, threads): Promise<Picture>, on the encoding lane, or the decoding lane where that is shared */
    Napi::Value encode(const Napi::CallbackInfo & info);
    /** setThreads(threads): of the encoding that runs, from its next stretch on */
    void set_threads(const Napi::CallbackInfo & info);
    /** cancel(): the encoding that runs rejects soon */
    void cancel(const Napi::CallbackInfo & info);
    void dispose(const Napi::CallbackInfo & info);

    std::unique_ptr<Pacer> pacer_;  // outlives the context, which calls it
    mtmd::context_ptr context_;
    const llama_model * llama_ = nullptr;
    Napi::ObjectReference model_;  // the projector reads the text model's sizes: keep it alive
    bool shares_lane_ = false;
    bool busy_ = false;  // known to JavaScript's thread only

    friend class Encode;
};
