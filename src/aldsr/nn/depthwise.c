/* Depthwise 3x3 convolution of channels-last pictures, for buffers in which a layer's channels lie between others.

   oneDNN's needs a contiguous copy of its input; this one reads and adds to the buffer in place. Accumulates in
   float32. Vectors are GCC's and clang's own, so that one source serves every processor. Compiled by depthwise.py for
   bf16 and for float32. B images of H x W pixels, K channels, a multiple of 32. Strides count elements. */

#include <stdint.h>
#include <string.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

typedef float floats __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));

#define LANES 16
#define BLOCK 32 /* channels worked on at a time: a cache line of bf16 */

#ifdef BF16
typedef uint16_t number;
static inline floats load(const number *from) {
    halves read;
    memcpy(&read, from, sizeof read);
    return (floats)(__builtin_convertvector(read, words) << 16);
}
static inline void store(number *to, floats value) { /* rounds to nearest even */
#ifdef __AVX512BF16__
    __m256bh written = _mm512_cvtneps_pbh((__m512)value);
    memcpy(to, &written, sizeof written);
#else
    words bits = (words)value;
    bits += 0x7fff + ((bits >> 16) & 1);
    halves written = __builtin_convertvector(bits >> 16, halves);
    memcpy(to, &written, sizeof written);
#endif
}
#else
typedef float number;
static inline floats load(const number *from) {
    floats read;
    memcpy(&read, from, sizeof read);
    return read;
}
static inline void store(number *to, floats value) { memcpy(to, &value, sizeof value); }
#endif

static inline floats load_floats(const float *from) {
    floats read;
    memcpy(&read, from, sizeof read);
    return read;
}

static inline floats positive(floats value) { return (floats)((words)value & ~(words)(value <= 0)); } /* keeps NaN */

/* One row of outputs, BLOCK channels. x: the picture's row above, at and below; weights of rows outside are zero. */
static inline void row(const number *const x[3], long x_pixel, floats weight[9][2], const floats bias[2], number *out,
                       long out_pixel, long width, int relu, int add) {
    floats before[2], here[2], after[2];
    for (int v = 0; v < 2; v++) before[v] = here[v] = bias[v];
    for (long p = 0; p <= width; p++) {
        for (int v = 0; v < 2; v++) {
            after[v] = bias[v];
            if (p < width) {
                for (int i = 0; i < 3; i++) {
                    floats value = load(x[i] + p * x_pixel + v * LANES);
                    before[v] += value * weight[3 * i + 2][v];
                    here[v] += value * weight[3 * i + 1][v];
                    after[v] += value * weight[3 * i][v];
                }
            }
            if (p > 0) {
                number *place = out + (p - 1) * out_pixel + v * LANES;
                floats result = relu ? positive(before[v]) : before[v];
                store(place, add ? result + load(place) : result);
            }
            before[v] = here[v];
            here[v] = after[v];
        }
    }
}

/* out (+)= depthwise(x) for rows first ... first + rows - 1 of pictures of `height` rows, zero beyond.
   weight: 9 x K, bias: K or NULL. out's row 0 is row `first`. */
void convolve(const number *x, long x_image, long x_row, long x_pixel, const float *weight, const float *bias,
              number *out, long out_image, long out_row, long out_pixel, long images, long height, long first,
              long rows, long width, long channels, long relu, long add) {
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < images; b++) {
        for (long part = 0; part < (rows + 3) / 4; part++) {
            long end = 4 * part + 4 < rows ? 4 * part + 4 : rows;
            for (long k = 0; k < channels; k += BLOCK) {
                floats offset[2] = {{0}, {0}};
                for (int v = 0; v < 2 && bias; v++) offset[v] = load_floats(bias + k + v * LANES);
                for (long r = 4 * part; r < end; r++) {
                    const number *sources[3];
                    floats taps[9][2];
                    for (int i = 0; i < 3; i++) {
                        long y = first + r + i - 1;
                        int inside = y >= 0 && y < height;
                        sources[i] = x + b * x_image + (inside ? y : first + r) * x_row + k;
                        for (int j = 0; j < 6; j++)
                            taps[3 * i + j / 2][j % 2] =
                                inside ? load_floats(weight + (3 * i + j / 2) * channels + k + j % 2 * LANES)
                                       : (floats){0};
                    }
                    row(sources, x_pixel, taps, offset, out + b * out_image + r * out_row + k, out_pixel, width,
                        relu, add);
                }
            }
        }
    }
}

/* sums (9 x K) += the gradient of the weights: x as above, grad: B x H x W x K without gaps. */
void weight_gradient(const number *x, long x_image, long x_row, long x_pixel, const number *grad, float *sums,
                     long images, long height, long width, long channels) {
#pragma omp parallel for schedule(static)
    for (long k = 0; k < channels; k += BLOCK) {
        for (int half = 0; half < 2; half++) {
            long c = k + half * LANES;
            floats total[9];
            for (int t = 0; t < 9; t++) total[t] = load_floats(sums + t * channels + c);
            for (long b = 0; b < images; b++) {
                for (long r = 0; r < height; r++) {
                    const number *line = grad + ((b * height + r) * width) * channels + c;
                    for (int i = 0; i < 3; i++) {
                        if (r + i < 1 || r + i > height) continue;
                        const number *source = x + b * x_image + (r + i - 1) * x_row + c;
                        floats before = {0}, here = load(line);
                        for (long p = 0; p < width; p++) { /* x at p meets the gradients at p - 1, p, p + 1 */
                            floats after = p + 1 < width ? load(line + (p + 1) * channels) : (floats){0};
                            floats value = load(source + p * x_pixel);
                            total[3 * i + 2] += value * before;
                            total[3 * i + 1] += value * here;
                            total[3 * i] += value * after;
                            before = here;
                            here = after;
                        }
                    }
                }
            }
            for (int t = 0; t < 9; t++) memcpy(sums + t * channels + c, &total[t], sizeof total[t]);
        }
    }
}

/* before (B x H x W x K without gaps) = grad where result > 0, else 0; sums (K) += its sum over all pixels. */
void relu_gradient(const number *grad, long grad_image, long grad_row, long grad_pixel, const number *result,
                   long image, long row, long pixel, number *before, float *sums, long images, long height,
                   long width, long channels) {
#pragma omp parallel for schedule(static)
    for (long k = 0; k < channels; k += LANES) {
        floats total = load_floats(sums + k);
        for (long line = 0; line < images * height; line++) {
            long b = line / height, y = line % height;
            const number *from = grad + b * grad_image + y * grad_row + k;
            const number *value = result + b * image + y * row + k;
            number *to = before + line * width * channels + k;
            for (long p = 0; p < width; p++) {
                words kept = ~(words)(load(value + p * pixel) <= 0);
                floats passed = (floats)((words)load(from + p * grad_pixel) & kept);
                store(to + p * channels, passed);
                total += passed;
            }
        }
        memcpy(sums + k, &total, sizeof total);
    }
}
