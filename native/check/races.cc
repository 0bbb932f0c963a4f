// Uses the worker threads as the addon does, under ThreadSanitizer (threads.mjs). The main thread has the role of
// JavaScript's thread: it alone submits jobs, owns their data and receives their results. The seed selects the jobs;
// their timing is up to the threads.
//
//   races MODEL MMPROJ LIBRARIES IMAGES SEED
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "encoder.h"
#include "evaluation.h"
#include "ggml-backend.h"
#include "llama-cpp.h"
#include "memory.h"
#include "mtmd-helper.h"
#include "threads.h"
#include "worker-thread.h"

namespace {

constexpr int SEQUENCES = 3;
constexpr int CELLS = 256;  // KV cells of each sequence
constexpr int BATCH = 64;
constexpr int THREADS = 2;
constexpr int ANSWER = 6;  // tokens
constexpr llama_token QUESTION = 100;

/** Like a promise: a worker thread runs `work`, then the main thread runs `then`. */
struct Call : public Job {
    Call(std::function<void()> work, std::function<void(const std::string & error)> then)
        : work(std::move(work)), then(std::move(then)) {}
    void execute() override { work(); }

    std::function<void()> work;
    std::function<void(const std::string & error)> then;
};

void expect_none(const std::string & error) {
    if (error.empty()) return;
    std::fprintf(stderr, "%s\n", error.c_str());
    std::_Exit(1);
}

/** The state of one sequence. */
struct Answer {
    enum { FREE, PREFILLING, GENERATING } state = FREE;
    llama_pos start = 0;     // first position after the image
    llama_pos position = 0;  // position of `token`
    llama_token token = QUESTION;
    int left = 0;
    std::shared_ptr<Sampling> sampling;
    std::shared_ptr<std::atomic<bool>> cancelled;  // cancels the slices; null unless PREFILLING
};

class Driver {
public:
    Driver(llama_context * context, Encoder & encoder, int images, unsigned seed)
        : context_(context), vocab_(llama_model_get_vocab(llama_get_model(context))), encoder_(encoder), left_(images),
          random_(seed) {}

    void run() {
        submit_possible();
        while (in_flight_ > 0) {
            const std::unique_ptr<Call> call(static_cast<Call *>(done_.take()));
            in_flight_--;
            call->then(call->error);
            submit_possible();
        }
    }

    void report() const {
        std::printf("%d images encoded, %d cancelled; %d slices, %d cancelled; %d steps for %d tokens; "
            "%d sequences cut; %d changes of threads\n",
            encoded_, cancelled_, slices_, cancelled_slices_, steps_, tokens_, forgotten_, changes_);
    }

private:
    int random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

    void submit(WorkerThread & thread, std::function<void()> work, std::function<void(const std::string &)> then) {
        in_flight_++;
        thread.add(new Call(std::move(work), std::move(then)));
    }

    /** Submits every job that is possible in the current state. */
    void submit_possible() {
        if (encoding_) meddle();
        else if (left_ > 0 && images_.size() < SEQUENCES) encode();
        for (int sequence = 0; sequence < SEQUENCES && !images_.empty(); sequence++) {
            if (answers_[sequence].state == Answer::FREE) prefill(sequence);
        }
        for (Answer & answer : answers_) {
            if (answer.cancelled && random(20) == 0) *answer.cancelled = true;
        }
        if (!stepping_) step();
    }

    void meddle() {
        if (random(2) == 0) {
            encoder_.set_threads(1 + random(THREADS));
            changes_++;
        }
        if (random(20) == 0) {
            encoder_.cancel();
            cancelling_ = true;
        }
    }

    void encode() {
        const int width = 28 * (2 + random(5));
        const int height = 28 * (2 + random(5));
        const size_t bytes = static_cast<size_t>(width) * height * 3;
        const std::vector<unsigned char> rgb(bytes, static_cast<unsigned char>(random(256)));
        auto bitmap = std::make_shared<mtmd::bitmap>(width, height, rgb.data());
        auto encoding = std::make_shared<std::shared_ptr<const Encoding>>();
        left_--;
        encoding_ = true;
        cancelling_ = false;
        encoder_.begin(1 + random(THREADS));
        submit(encoding_thread_,
            [this, bitmap, encoding] { *encoding = encoder_.encode(*bitmap); },
            [this, encoding](const std::string & error) {
                encoding_ = false;
                if (!cancelling_) expect_none(error);
                if (error.empty()) images_.push_back(*encoding);
                (error.empty() ? encoded_ : cancelled_)++;
            });
    }

    void prefill(int sequence) {
        const std::shared_ptr<const Encoding> image = images_.front();
        // In two of three cases, only the slices keep the image alive. Otherwise another sequence decodes it too.
        if (random(3) > 0) images_.pop_front();
        auto cancelled = std::make_shared<std::atomic<bool>>(false);
        answers_[sequence].state = Answer::PREFILLING;
        answers_[sequence].cancelled = cancelled;
        forget(sequence, 0, [] {});
        for (int32_t offset = 0, count = 0; offset < image->tokens; offset += count) {
            count = 1 + random(image->tokens - offset);
            const bool last = offset + count == image->tokens;
            const Slice slice = { sequence, 0, offset, count };
            const int threads = 1 + random(THREADS);
            const llama_pos span = image->span;
            slices_++;
            submit(decoding_thread_,
                [this, image, slice, threads, cancelled] {
                    decode_slice(context_, *image, slice, threads, cancelled.get());
                },
                [this, sequence, span, last, cancelled](const std::string & error) {
                    if (!*cancelled) expect_none(error);
                    if (!error.empty()) cancelled_slices_++;
                    if (!last) return;
                    if (*cancelled) answers_[sequence] = {};
                    else generate(sequence, span);
                });
        }
    }

    void generate(int sequence, llama_pos start) {
        SamplingOptions options;
        options.temperature = static_cast<float>(random(2));
        options.top_k = 40;
        options.top_p = 0.95f;
        options.seed = random_();
        options.penalty_window = 64;
        options.repeat_penalty = 1.1f;
        if (random(3) == 0) options.grammar = "root ::= \"yes\" | \"no\"";
        auto sampling = std::make_shared<Sampling>(vocab_, options);
        answers_[sequence] = { Answer::GENERATING, start, start, QUESTION, ANSWER, sampling, nullptr };
    }

    void step() {
        std::vector<Item> items;
        for (int sequence = 0; sequence < SEQUENCES; sequence++) {
            const Answer & answer = answers_[sequence];
            if (answer.state != Answer::GENERATING) continue;
            items.push_back({ sequence, answer.position, { answer.token }, answer.sampling });
        }
        if (items.empty()) return;
        // Leave a gap between the sequences, so that fillers are needed.
        if (items.size() > 1 && random(3) == 0) items.erase(items.begin() + random(static_cast<int>(items.size())));
        std::vector<int> sequences;
        for (const Item & item : items) sequences.push_back(item.sequence);
        auto evaluation = std::make_shared<Evaluation>(context_, std::move(items), SEQUENCES, 1 + random(THREADS));
        stepping_ = true;
        steps_++;
        submit(decoding_thread_,
            [evaluation] { evaluation->run(); },
            [this, evaluation, sequences](const std::string & error) {
                expect_none(error);
                stepping_ = false;
                for (size_t i = 0; i < sequences.size(); i++) advance(sequences[i], evaluation->next()[i]);
            });
    }

    void advance(int sequence, llama_token token) {
        Answer & answer = answers_[sequence];
        if (token >= 0 && !llama_vocab_is_eog(vocab_, token) && --answer.left > 0) {
            answer.token = token;
            answer.position++;
            tokens_++;
            return;
        }
        const llama_pos start = answer.start;
        answer = {};
        if (random(3) > 0) return;
        // Continue with another question about the same image.
        answer.state = Answer::PREFILLING;
        forget(sequence, start, [this, sequence, start] { generate(sequence, start); });
    }

    void forget(int sequence, llama_pos from, std::function<void()> then) {
        auto forgotten = std::make_shared<bool>(false);
        submit(decoding_thread_,
            [this, sequence, from, forgotten] { *forgotten = forget_from(context_, sequence, from); },
            [this, forgotten, then](const std::string & error) {
                expect_none(*forgotten ? error : "The sequence was not cut");
                forgotten_++;
                then();
            });
    }

    llama_context * context_;
    const llama_vocab * vocab_;
    Encoder & encoder_;
    int left_;
    std::mt19937 random_;

    Queue<Job *> done_;
    WorkerThread & decoding_thread_ = *new WorkerThread([this](Job * job) { done_.push(job); });
    WorkerThread & encoding_thread_ = *new WorkerThread([this](Job * job) { done_.push(job); });
    int in_flight_ = 0;
    bool encoding_ = false;
    bool cancelling_ = false;
    bool stepping_ = false;
    std::deque<std::shared_ptr<const Encoding>> images_;
    Answer answers_[SEQUENCES];

    int encoded_ = 0, cancelled_ = 0, slices_ = 0, cancelled_slices_ = 0;
    int steps_ = 0, tokens_ = 0, forgotten_ = 0, changes_ = 0;
};

}  // namespace

int main(int argc, char ** argv) {
    if (argc != 6) {
        std::fprintf(stderr, "usage: races MODEL MMPROJ LIBRARIES IMAGES SEED\n");
        return 2;
    }
    const auto quiet = [](ggml_log_level, const char *, void *) {};
    llama_log_set(quiet, nullptr);
    mtmd_helper_log_set(quiet, nullptr);
    ggml_backend_load_all_from_path(argv[3]);
    llama_backend_init();

    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    const llama_model_ptr model(llama_model_load_from_file(argv[1], model_params));
    if (!model) return 1;
    llama_context_params context_params = llama_context_default_params();
    context_params.n_ctx = CELLS * SEQUENCES;
    context_params.n_batch = context_params.n_ubatch = BATCH;
    context_params.n_seq_max = SEQUENCES;
    const llama_context_ptr context(llama_init_from_model(model.get(), context_params));
    if (!context) return 1;
    llama_attach_threadpool(context.get(), create_threads(THREADS), nullptr);

    EncoderOptions options;
    options.threads = THREADS;
    options.min_tokens = 1;
    options.max_tokens = BATCH;
    Encoder encoder(argv[2], model.get(), options);

    // The driver is never destroyed, because its threads never end.
    auto * driver = new Driver(context.get(), encoder, std::atoi(argv[4]), static_cast<unsigned>(std::atoi(argv[5])));
    driver->run();
    driver->report();
    return 0;
}
