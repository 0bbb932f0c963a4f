/* Fused operations for bfloat16 on a CPU, with arithmetic in 32 bits. ops.py has the same operations in PyTorch. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;
typedef int64_t index_t;

enum { WIDEST = 4096 };

static inline float widen(bf16 value) {
    uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, 4);
    return wide;
}

/* Rounds to nearest, ties to even. */
static inline bf16 narrow(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (bf16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* e^x with a relative error of about 1e-7: 2^n by bits and 2^f by a polynomial, which the compiler can vectorise. */
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
    float scaled = x * 1.44269504f;
    float whole = (float)(int32_t)(scaled + (scaled < 0 ? -0.5f : 0.5f));
    float f = (scaled - whole) * 0.693147181f;
    float tail = 0.0416666667f + f * (0.00833333333f + f * 0.00138888889f);
    float power = 1 + f * (1 + f * (0.5f + f * (0.166666667f + f * tail)));
    uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
    float two;
    memcpy(&two, &bits, 4);
    return power * two;
}

static inline float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

/* LayerNorm, or RMSNorm if bias is NULL. statistics: mean and 1 / deviation of each row. */
void norm_forward(const bf16 *x, const bf16 *weight, const bf16 *bias, bf16 *y, float *statistics, index_t rows,
                  index_t width, float epsilon) {
    for (index_t row = 0; row < rows; row++, x += width, y += width, statistics += 2) {
        float sum = 0, squares = 0;
        for (index_t i = 0; i < width; i++) { float value = widen(x[i]); sum += value; squares += value * value; }
        float mean = bias ? sum / width : 0;
        float scale = 1 / sqrtf(fmaxf(squares / width - mean * mean, 0) + epsilon);
        statistics[0] = mean, statistics[1] = scale;
        for (index_t i = 0; i < width; i++) {
            float normal = bias ? (widen(x[i]) - mean) * scale : widen(x[i]) * scale;
            y[i] = narrow(bias ? normal * widen(weight[i]) + widen(bias[i]) : normal * widen(weight[i]));
        }
    }
}

/* Adds to dweight and dbias. */
void norm_backward(const bf16 *dy, const bf16 *x, const bf16 *weight, const float *statistics, bf16 *dx,
                   float *dweight, float *dbias, index_t rows, index_t width, index_t centred) {
    float normal[WIDEST], slope[WIDEST];
    for (index_t row = 0; row < rows; row++, dy += width, x += width, dx += width, statistics += 2) {
        float mean = statistics[0], scale = statistics[1], along = 0, sum = 0;
        for (index_t i = 0; i < width; i++) {
            float d = widen(dy[i]);
            normal[i] = (widen(x[i]) - mean) * scale;
            slope[i] = d * widen(weight[i]);
            dweight[i] += d * normal[i];
            dbias[i] += d;
            along += slope[i] * normal[i];
            sum += slope[i];
        }
        along /= width;
        sum = centred ? sum / width : 0;
        for (index_t i = 0; i < width; i++) dx[i] = narrow(scale * (slope[i] - sum - normal[i] * along));
    }
}

void quick_gelu_forward(const bf16 *x, bf16 *y, index_t count) {
    for (index_t i = 0; i < count; i++) { float value = widen(x[i]); y[i] = narrow(value * sigmoid(1.702f * value)); }
}

void quick_gelu_backward(const bf16 *x, const bf16 *dy, bf16 *dx, index_t count) {
    for (index_t i = 0; i < count; i++) {
        float value = widen(x[i]), gate = sigmoid(1.702f * value);
        dx[i] = narrow(widen(dy[i]) * (gate + 1.702f * value * gate * (1 - gate)));
    }
}

void swiglu_forward(const bf16 *x, bf16 *y, index_t rows, index_t width) {
    for (index_t row = 0; row < rows; row++, x += 2 * width, y += width)
        for (index_t i = 0; i < width; i++) {
            float gate = widen(x[i]);
            y[i] = narrow(gate * sigmoid(gate) * widen(x[width + i]));
        }
}

void swiglu_backward(const bf16 *x, const bf16 *dy, bf16 *dx, index_t rows, index_t width) {
    for (index_t row = 0; row < rows; row++, x += 2 * width, dx += 2 * width, dy += width)
        for (index_t i = 0; i < width; i++) {
            float gate = widen(x[i]), up = widen(x[width + i]), d = widen(dy[i]), s = sigmoid(gate);
            dx[i] = narrow(d * up * (s + gate * s * (1 - s)));
            dx[width + i] = narrow(d * gate * s);
        }
}

static inline void turn(const bf16 *from, bf16 *to, const float *cos, const float *sin, index_t half, float scale,
                        float sign) {
    for (index_t i = 0; i < half; i++) {
        float left = widen(from[i]), right = widen(from[half + i]), c = cos[i] * scale, s = sin[i] * scale * sign;
        to[i] = narrow(left * c - right * s);
        to[half + i] = narrow(right * c + left * s);
    }
}

/* Splits [B, T, queries, keys and values] into a block for each head. Queries are turned and scaled, keys turned.
   turns: number of rows with their own angles, B, or 1 if all rows share them. */
void split_forward(const bf16 *qkv, const float *cos, const float *sin, bf16 *q, bf16 *k, bf16 *v, index_t batch,
                   index_t tokens, index_t heads, index_t kv_heads, index_t head, index_t turns, float scale) {
    index_t half = head / 2, all = heads + 2 * kv_heads;
    for (index_t b = 0; b < batch; b++) for (index_t t = 0; t < tokens; t++) {
        const bf16 *row = qkv + (b * tokens + t) * all * head;
        index_t angles = ((turns > 1 ? b : 0) * tokens + t) * half;
        const float *c = cos + angles, *s = sin + angles;
        for (index_t h = 0; h < heads; h++)
            turn(row + h * head, q + ((b * heads + h) * tokens + t) * head, c, s, half, scale, 1);
        for (index_t h = 0; h < kv_heads; h++) {
            index_t at = ((b * kv_heads + h) * tokens + t) * head;
            turn(row + (heads + h) * head, k + at, c, s, half, 1, 1);
            memcpy(v + at, row + (heads + kv_heads + h) * head, head * sizeof(bf16));
        }
    }
}

void split_backward(bf16 *dqkv, const float *cos, const float *sin, const bf16 *dq, const bf16 *dk, const bf16 *dv,
                    index_t batch, index_t tokens, index_t heads, index_t kv_heads, index_t head, index_t turns,
                    float scale) {
    index_t half = head / 2, all = heads + 2 * kv_heads;
    for (index_t b = 0; b < batch; b++) for (index_t t = 0; t < tokens; t++) {
        bf16 *row = dqkv + (b * tokens + t) * all * head;
        index_t angles = ((turns > 1 ? b : 0) * tokens + t) * half;
        const float *c = cos + angles, *s = sin + angles;
        for (index_t h = 0; h < heads; h++)
            turn(dq + ((b * heads + h) * tokens + t) * head, row + h * head, c, s, half, scale, -1);
        for (index_t h = 0; h < kv_heads; h++) {
            index_t at = ((b * kv_heads + h) * tokens + t) * head;
            turn(dk + at, row + (heads + h) * head, c, s, half, 1, -1);
            memcpy(row + (heads + kv_heads + h) * head, dv + at, head * sizeof(bf16));
        }
    }
}

/* Works in place on [blocks, tokens, tokens]. causal: the weights of later tokens are 0. */
void softmax_forward(bf16 *scores, index_t blocks, index_t tokens, index_t causal) {
    float values[WIDEST];
    for (index_t block = 0; block < blocks; block++) for (index_t t = 0; t < tokens; t++, scores += tokens) {
        index_t seen = causal ? t + 1 : tokens;
        float largest = -1e30f, sum = 0;
        for (index_t i = 0; i < seen; i++) {
            values[i] = widen(scores[i]);
            largest = values[i] > largest ? values[i] : largest;
        }
        for (index_t i = 0; i < seen; i++) { values[i] = exponential(values[i] - largest); sum += values[i]; }
        sum = 1 / sum;
        for (index_t i = 0; i < seen; i++) scores[i] = narrow(values[i] * sum);
        memset(scores + seen, 0, (tokens - seen) * sizeof(bf16));
    }
}

/* Works in place on dweights. */
void softmax_backward(const bf16 *weights, bf16 *dweights, index_t blocks, index_t tokens, index_t causal) {
    for (index_t row = 0; row < blocks * tokens; row++, weights += tokens, dweights += tokens) {
        index_t t = row % tokens;
        index_t seen = causal ? t + 1 : tokens;
        float along = 0;
        for (index_t i = 0; i < seen; i++) along += widen(weights[i]) * widen(dweights[i]);
        for (index_t i = 0; i < seen; i++) dweights[i] = narrow(widen(weights[i]) * (widen(dweights[i]) - along));
        memset(dweights + seen, 0, (tokens - seen) * sizeof(bf16));
    }
}
