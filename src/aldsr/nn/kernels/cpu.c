/* Depthwise 3x3 convolution of channels-last images, for buffers in which a layer's channels lie between others.

   oneDNN's needs a contiguous copy of its input; this one reads and adds to the buffer in place. Accumulates in
   float32. Vectors are GCC's and clang's own, so that one source serves every processor. Compiled by cpu.py for
   bf16 and for float32. B images of H x W pixels, K channels, a multiple of 32. Strides count elements.

   The lines of all images are divided into `parts` equal shares, one for each thread. Sums have one set for each share,
   so that they come out the same whichever thread is first. Within a share channels go outermost: neighbouring rows
   are still in the cache when they are read again. */

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

/* One line of outputs, BLOCK channels. x: the image's rows above, at and below; NULL beyond the image. */
static inline void convolve_line(const number *const x[3], long x_pixel, const float *weight, const float *bias,
                                 number *out, long out_pixel, long width, long channels, int relu) {
    const number *rows[3];
    floats taps[3][3][2], before[2], here[2], after[2];
    for (int v = 0; v < 2; v++) before[v] = here[v] = bias ? load_floats(bias + v * LANES) : (floats){0};
    const floats offset[2] = {here[0], here[1]};
    for (int i = 0; i < 3; i++) {
        rows[i] = x[i] ? x[i] : x[1];
        for (int j = 0; j < 6; j++)
            taps[i][j / 2][j % 2] =
                x[i] ? load_floats(weight + (3 * i + j / 2) * channels + j % 2 * LANES) : (floats){0};
    }
    for (long p = 0; p <= width; p++) { /* both vectors at a time: the line of the cache is written once, and whole */
        for (int v = 0; v < 2; v++) {
            after[v] = offset[v];
            for (int i = 0; i < 3 && p < width; i++) {
                floats value = load(rows[i] + p * x_pixel + v * LANES);
                before[v] += value * taps[i][2][v];
                here[v] += value * taps[i][1][v];
                after[v] += value * taps[i][0][v];
            }
            if (p > 0) store(out + (p - 1) * out_pixel + v * LANES, relu ? positive(before[v]) : before[v]);
            before[v] = here[v];
            here[v] = after[v];
        }
    }
}

/* out = depthwise(x) for rows first ... first + rows - 1 of images of `height` rows, zero beyond.
   weight: 9 x K, bias: K or NULL. out's row 0 is row `first`. */
void convolve(const number *x, long x_image, long x_row, long x_pixel, const float *weight, const float *bias,
              number *out, long out_image, long out_row, long out_pixel, long parts, long images, long height,
              long first, long rows, long width, long channels, long relu) {
    long lines = images * rows;
#pragma omp parallel for schedule(static)
    for (long part = 0; part < parts; part++)
        for (long k = 0; k < channels; k += BLOCK)
            for (long line = part * lines / parts; line < (part + 1) * lines / parts; line++) {
                long b = line / rows, r = line % rows;
                const number *near[3];
                for (int i = 0; i < 3; i++) {
                    long y = first + r + i - 1;
                    near[i] = y >= 0 && y < height ? x + b * x_image + y * x_row + k : NULL;
                }
                convolve_line(near, x_pixel, weight + k, bias ? bias + k : NULL,
                              out + b * out_image + r * out_row + k, out_pixel, width, channels, relu);
            }
}

/* One line of `gradients`, BLOCK channels. near: grad's lines above, at and below; NULL beyond the image. */
static inline void gradients_line(const number *x, long x_pixel, const number *const near[3], const float *weight,
                                  number *total, long pixel, float *sums, long width, long channels) {
    for (int v = 0; v < BLOCK; v += LANES) {
        const number *lines[3];
        floats taps[3][3], sum[3][3], before[3], here[3], after[3]; /* sum[2 - i][2 - j]: what line i adds */
        for (int i = 0; i < 3; i++) {
            lines[i] = (near[i] ? near[i] : near[1]) + v;
            for (int j = 0; j < 3; j++) {
                taps[i][j] = near[i] ? load_floats(weight + (3 * i + j) * channels + v) : (floats){0};
                sum[i][j] = load_floats(sums + (3 * i + j) * channels + v);
            }
            before[i] = (floats){0};
            here[i] = load(lines[i]);
        }
        for (long p = 0; p < width; p++) {
            floats value = load(x + p * x_pixel + v), moved = load(total + p * pixel + v);
            for (int i = 0; i < 3; i++) {
                after[i] = p + 1 < width ? load(lines[i] + (p + 1) * channels) : (floats){0};
                moved += before[i] * taps[i][0] + here[i] * taps[i][1] + after[i] * taps[i][2];
                sum[2 - i][2] += value * before[i];
                sum[2 - i][1] += value * here[i];
                sum[2 - i][0] += value * after[i];
                before[i] = here[i];
                here[i] = after[i];
            }
            store(total + p * pixel + v, moved);
        }
        for (int t = 0; t < 9; t++) /* what a line beyond the image added is not kept */
            if (near[2 - t / 3]) memcpy(sums + t * channels + v, &sum[t / 3][t % 3], sizeof(floats));
    }
}

/* The gradients of input and weights in one pass, since both look at the same neighbours of grad (B x H x W x K
   without gaps): total += depthwise(grad), with the weights (9 x K) turned by 180 degrees; sums (parts x 9 x K) +=
   the gradient of the weights. */
void gradients(const number *x, long x_image, long x_row, long x_pixel, const number *grad, const float *weight,
               number *total, long image, long row, long pixel, float *sums, long parts, long images, long height,
               long width, long channels) {
    long lines = images * height;
#pragma omp parallel for schedule(static)
    for (long part = 0; part < parts; part++)
        for (long k = 0; k < channels; k += BLOCK)
            for (long line = part * lines / parts; line < (part + 1) * lines / parts; line++) {
                long b = line / height, y = line % height;
                const number *near[3];
                for (int i = 0; i < 3; i++)
                    near[i] = y + i < 1 || y + i > height ? NULL : grad + (line + i - 1) * width * channels + k;
                gradients_line(x + b * x_image + y * x_row + k, x_pixel, near, weight + k,
                               total + b * image + y * row + k, pixel, sums + part * 9 * channels + k, width,
                               channels);
            }
}

/* before (B x H x W x K without gaps) = grad where result > 0, else 0; sums (parts x K) += its sum over all pixels. */
void relu_gradient(const number *grad, long grad_image, long grad_row, long grad_pixel, const number *result,
                   long image, long row, long pixel, number *before, float *sums, long parts, long images,
                   long height, long width, long channels) {
    long lines = images * height;
#pragma omp parallel for schedule(static)
    for (long part = 0; part < parts; part++)
        for (long line = part * lines / parts; line < (part + 1) * lines / parts; line++)
            for (long k = 0; k < channels; k += LANES) {
                const number *from = grad + line / height * grad_image + line % height * grad_row + k;
                const number *value = result + line / height * image + line % height * row + k;
                floats total = load_floats(sums + part * channels + k);
                for (long p = 0; p < width; p++) {
                    words kept = ~(words)(load(value + p * pixel) <= 0);
                    floats passed = (floats)((words)load(from + p * grad_pixel) & kept);
                    store(before + (line * width + p) * channels + k, passed);
                    total += passed;
                }
                memcpy(sums + part * channels + k, &total, sizeof total);
            }
}
