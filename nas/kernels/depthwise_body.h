/* The arithmetic of depthwise.c for one instruction set: SUFFIX, LANES (channels side by side in one vector)
   and REGISTERS (vectors that the processor has) are the includer's; this file ends by undefining them.

   A block of LANES channels of one image is copied into a buffer of fp32 with empty columns on both sides
   ("packed"); then every sum runs over whole vectors and needs no test for columns outside the image. Rows
   outside are left out. The weights' gradient is summed image by image, so that rounding does not grow with
   the batch, and always in the same order. */

#define vf NAME(vf)
#define vu NAME(vu)
#define vh NAME(vh)

#if LANES > 1
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));
#define WIDEN(half) __builtin_convertvector(half, vu)
#define NARROW(word) __builtin_convertvector(word, vh)
#define PICK(mask, yes, no) (((vu)(mask) & (yes)) | (~(vu)(mask) & (no)))
#else
typedef float vf;
typedef uint32_t vu;
typedef uint16_t vh;
#define WIDEN(half) ((vu)(half))
#define NARROW(word) ((vh)(word))
#define PICK(mask, yes, no) ((mask) ? (yes) : (no))
#endif

INLINE vf NAME(load)(const float *from) { return *(const vf *)from; } /* from a buffer, aligned */

/* LANES channels of a tensor, from any address, as the bits of fp32. */
INLINE vu NAME(read)(const char *from, const int bf16) {
    vh half;
    vu word;
    if (bf16) {
        memcpy(&half, from, sizeof half);
        return WIDEN(half) << 16;
    }
    memcpy(&word, from, sizeof word);
    return word;
}

/* To bf16: to the nearest, ties to even; a NaN stays one. */
INLINE void NAME(write)(char *to, const int bf16, vf value) {
    if (bf16) {
        vu word, nan = {0};
        memcpy(&word, &value, sizeof word);
        nan = nan + 0x7fc00000u;
        const vh half = NARROW(PICK(value != value, nan, word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
        memcpy(to, &half, sizeof half);
    } else
        memcpy(to, &value, sizeof value);
}

/* One block of channels of one image, `pad` columns from the left border of a buffer. Where the tensor's last
   block is not full, whole vectors are read all the same and the strangers in them masked out, except at the
   very end of the tensor. Meanwhile what is `ahead` is fetched: the processor does not foresee such strides. */
INLINE void NAME(pack)(float *buffer, const char *from, const char *end, int64_t rows, int64_t columns,
                       int64_t channels, int64_t live, int64_t ahead, int pad, const int bf16) {
    const int64_t size = bf16 ? 2 : 4, step = channels * size;
    float lanes[LANES];
    vu mask;
    for (int i = 0; i < LANES; i++)
        memset(lanes + i, i < live ? 255 : 0, sizeof(float));
    memcpy(&mask, lanes, sizeof mask);
    for (int64_t y = 0; y < rows; y++) {
        float *line = buffer + (y * (columns + 2 * pad) + pad) * LANES;
        const int whole = end - from >= (columns - 1) * step + LANES * size;
        for (int64_t x = 0; x < columns; x++, from += step) {
            vu word;
            PREFETCH(from + ahead * size);
            if (whole)
                word = NAME(read)(from, bf16) & mask;
            else {
                char copy[4 * LANES] = {0};
                memcpy(copy, from, (size_t)(live * size));
                word = NAME(read)(copy, bf16);
            }
            memcpy(line + x * LANES, &word, sizeof word);
        }
    }
}

/* COUNT pixels of the input's gradient: columns S * j + side of line `row`, for j from `j`. Only every S-th
   row and column of the kernel meets a pixel of the output's gradient. */
INLINE void NAME(input_pixels)(const float *packed, const float *w, char *line, int64_t step, const Job *job,
                               int64_t row, int64_t j, const int side, const int COUNT, const int K, const int S,
                               const int bf16) {
    const int P = K / 2;
    const int64_t pitch = job->out_width + 2 * P;
    vf sum[8];
    UNROLL for (int i = 0; i < COUNT; i++) sum[i] = (vf){0};
    for (int64_t a = (row + P) % S; a < K; a += S) {
        const int64_t y = (row + P - a) / S;
        if (row + P < a || y >= job->out_height)
            continue;
        const float *g = packed + (y * pitch + P + j) * LANES;
        UNROLL for (int b = (side + P) % S; b < K; b += S) {
            const vf weight = NAME(load)(w + (a * K + b) * LANES);
            UNROLL for (int i = 0; i < COUNT; i++) sum[i] += weight * NAME(load)(g + (i + (side + P - b) / S) * LANES);
        }
    }
    UNROLL for (int i = 0; i < COUNT; i++) {
        char *to = line + (S * (j + i) + side) * step;
        PREFETCH_TO_WRITE(to + (bf16 ? 2 : 4) * LANES); /* where the next block of channels goes */
        NAME(write)(to, bf16, sum[i]);
    }
}

/* `step` is the distance of neighbouring pixels at `to`, in bytes. */
INLINE void NAME(input_image)(const float *packed, const float *w, char *to, int64_t step, const Job *job, const int K,
                              const int S, const int bf16) {
    for (int64_t row = 0; row < job->height; row++, to += job->width * step)
        UNROLL for (int side = 0; side < S; side++) {
            const int64_t count = (job->width - side + S - 1) / S;
            int64_t j = 0;
            for (; j + 8 <= count; j += 8)
                NAME(input_pixels)(packed, w, to, step, job, row, j, side, 8, K, S, bf16);
            for (; j + 4 <= count; j += 4)
                NAME(input_pixels)(packed, w, to, step, job, row, j, side, 4, K, S, bf16);
            for (; j + 2 <= count; j += 2)
                NAME(input_pixels)(packed, w, to, step, job, row, j, side, 2, K, S, bf16);
            for (; j < count; j++)
                NAME(input_pixels)(packed, w, to, step, job, row, j, side, 1, K, S, bf16);
        }
}

/* The kernel's rows [A, A + ROWS) of the weights' gradient of one image, added to `dw`: one register for each
   element. Lines near the border, where some rows fall outside the image, test for it. */
INLINE void NAME(weight_rows)(const float *xs, const float *gs, float *dw, const Job *job, const int A, const int ROWS,
                              const int K, const int S) {
    const int P = K / 2;
    const int64_t pitch = job->width + 2 * P, g_pitch = job->out_width + 2 * P;
    vf sum[32];
    UNROLL for (int i = 0; i < ROWS * K; i++) sum[i] = (vf){0};
    for (int64_t row = 0; row < job->out_height; row++) {
        const int64_t top = row * S - P + A;
        const float *g = gs + (row * g_pitch + P) * LANES;
        int64_t at = top * pitch * LANES;
        if (top >= 0 && top + ROWS <= job->height)
            for (int64_t column = 0; column < job->out_width; column++, g += LANES, at += S * LANES) {
                const vf gradient = NAME(load)(g);
                UNROLL for (int a = 0; a < ROWS; a++)
                    UNROLL for (int b = 0; b < K; b++)
                        sum[a * K + b] += gradient * NAME(load)(xs + at + (a * pitch + b) * LANES);
            }
        else
            for (int64_t column = 0; column < job->out_width; column++, g += LANES, at += S * LANES) {
                const vf gradient = NAME(load)(g);
                UNROLL for (int a = 0; a < ROWS; a++) if (top + a >= 0 && top + a < job->height)
                    UNROLL for (int b = 0; b < K; b++)
                        sum[a * K + b] += gradient * NAME(load)(xs + at + (a * pitch + b) * LANES);
            }
    }
    UNROLL for (int i = 0; i < ROWS * K; i++) *(vf *)(dw + (A * K + i) * LANES) += sum[i];
}

/* As many rows at a time as there are registers for. */
INLINE void NAME(weights_image)(const float *xs, const float *gs, float *dw, const Job *job, const int K, const int S) {
    const int FIT = (REGISTERS - 4) / K, ROWS = FIT < K ? FIT : K;
    UNROLL for (int a = 0; a + ROWS <= K; a += ROWS) NAME(weight_rows)(xs, gs, dw, job, a, ROWS, K, S);
    if (K % ROWS)
        NAME(weight_rows)(xs, gs, dw, job, K - K % ROWS, K % ROWS, K, S);
}

/* Where element `tap` of a channel's weights lies in blocks [block][taps][LANES]. */
INLINE int64_t NAME(place)(int64_t channel, int64_t tap, int64_t taps) {
    return (channel / LANES * taps + tap) * LANES + channel % LANES;
}

/* All images, some at a time; of these, block of channels by block of channels, so that what lies in one cache
   line is read from it while it is near. */
INLINE int NAME(body)(const Job *job, const int K, const int S, const int bf16) {
    const int P = K / 2, taps = K * K, size = bf16 ? 2 : 4;
    const int64_t blocks = (job->end - job->begin + LANES - 1) / LANES;
    const int64_t pixels = job->height * job->width, out_pixels = job->out_height * job->out_width;
    const int64_t image = pixels * job->channels * size, out = out_pixels * job->channels * size; /* bytes */
    const int64_t x_floats = job->height * (job->width + 2 * P) * LANES;
    const int64_t g_floats = job->out_height * (job->out_width + 2 * P) * LANES;
    const int64_t w_floats = blocks * taps * LANES, spare_floats = pixels * LANES;
    const int64_t together = TILE_BYTES > image ? TILE_BYTES / image : 1;
    /* Zeros: the empty columns, the channels missing from the last block, the sums. */
    char *memory = calloc((size_t)(x_floats + g_floats + 2 * w_floats + spare_floats) + 16, sizeof(float));
    if (memory == NULL)
        return NAS_NO_MEMORY;
    float *xs = (float *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
    float *gs = xs + x_floats, *w = gs + g_floats, *dw = w + w_floats, *spare = dw + w_floats;
    for (int64_t c = job->begin; c < job->end; c++)
        for (int tap = 0; tap < taps; tap++)
            w[NAME(place)(c - job->begin, tap, taps)] = job->w[c * taps + tap];
    const char *x_end = job->x + job->images * image, *g_end = job->g + job->images * out;
    for (int64_t start = 0; start < job->images; start += together)
        for (int64_t block = 0; block < blocks; block++) {
            const int64_t c = job->begin + block * LANES, live = job->end - c < LANES ? job->end - c : LANES;
            const int64_t stop = start + together < job->images ? start + together : job->images;
            const int last = block + 1 == blocks; /* then comes the first block of the next images */
            const int64_t x_ahead = last ? together * pixels * job->channels - block * LANES : LANES;
            const int64_t g_ahead = last ? together * out_pixels * job->channels - block * LANES : LANES;
            const float *weight = w + block * taps * LANES;
            float *sums = dw + block * taps * LANES;
            for (int64_t n = start; n < stop; n++) {
                NAME(pack)(gs, job->g + n * out + c * size, g_end, job->out_height, job->out_width, job->channels, live,
                           g_ahead, P, bf16);
                if (job->dw != NULL) {
                    NAME(pack)(xs, job->x + n * image + c * size, x_end, job->height, job->width, job->channels, live,
                               x_ahead, P, bf16);
                    NAME(weights_image)(xs, gs, sums, job, K, S);
                }
                if (job->dx == NULL)
                    continue;
                char *to = job->dx + n * image + c * size;
                if (live == LANES) {
                    NAME(input_image)(gs, weight, to, job->channels * size, job, K, S, bf16);
                    continue;
                }
                NAME(input_image)(gs, weight, (char *)spare, LANES * size, job, K, S, bf16);
                for (int64_t i = 0; i < pixels; i++, to += job->channels * size)
                    copy_few(to, (const char *)spare + i * LANES * size, live * size);
            }
        }
    if (job->dw != NULL)
        for (int64_t c = job->begin; c < job->end; c++)
            for (int tap = 0; tap < taps; tap++)
                job->dw[c * taps + tap] = dw[NAME(place)(c - job->begin, tap, taps)];
    free(memory);
    return NAS_DONE;
}

/* One function a kernel, stride and storage: in each, all loops over the kernel are unrolled. */
static int NAME(run)(const Job *job, int kernel, int stride, int bf16) {
#define CASE(K, S)                                                                                                     \
    if (kernel == K && stride == S)                                                                                    \
        return bf16 ? NAME(body)(job, K, S, 1) : NAME(body)(job, K, S, 0);
    CASE(3, 1)
    CASE(3, 2)
    CASE(5, 1)
    CASE(5, 2)
    CASE(7, 1)
    CASE(7, 2)
#undef CASE
    return NAS_BAD_ARGUMENT;
}

#undef vf
#undef vu
#undef vh
#undef WIDEN
#undef NARROW
#undef PICK
#undef SUFFIX
#undef LANES
#undef REGISTERS
