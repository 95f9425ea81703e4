/* The gradients of a depthwise convolution on the CPU: what oneDNN is slow at, for mobile networks.

   Tensors are dense NHWC in fp32 or bfloat16, weights and their gradient [channels][kernel][kernel] in fp32;
   all sums are fp32. Padding is kernel / 2; kernels 3, 5 and 7, strides 1 and 2. A call works on the channels
   [begin, end) in one thread; channels never mix, so that calls for disjoint ranges may run at the same time
   and give the bits of one call. No Python and no torch headers: the library is loaded with ctypes.

   The arithmetic is in depthwise_body.h, compiled here once for each instruction set. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#else
#define INLINE static __forceinline
#define UNROLL
#define PREFETCH(address) ((void)0)
#define PREFETCH_TO_WRITE(address) ((void)0)
#endif
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { NAS_DONE, NAS_BAD_ARGUMENT, NAS_NO_MEMORY };

#define TILE_BYTES (128 * 1024) /* of input to read for one block of channels before the next block's turn */

typedef struct {
    const char *x, *g; /* input [images][height][width][channels]; gradient of the output */
    const float *w;
    char *dx;  /* gradient of the input, or NULL */
    float *dw; /* gradient of the weights, or NULL */
    int64_t images, channels, height, width, out_height, out_width, begin, end;
} Job;

INLINE void copy_few(char *to, const char *from, int64_t bytes) {
    if (bytes == 16) /* eight channels of bf16: by far the commonest, and worth a plain move */
        memcpy(to, from, 16);
    else if (bytes == 32)
        memcpy(to, from, 32);
    else
        memcpy(to, from, (size_t)bytes);
}

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(function) JOIN(function, SUFFIX)

#if defined(__GNUC__) && defined(__x86_64__)
#define X86 1

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")
#endif
#define SUFFIX _avx512
#define LANES 16
#define REGISTERS 32
#include "depthwise_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define SUFFIX _avx2
#define LANES 8
#define REGISTERS 16
#include "depthwise_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#define SUFFIX _plain
#if defined(__GNUC__)
#define LANES 4 /* SSE2, NEON, or what else the compiler makes of four floats */
#else
#define LANES 1
#endif
#define REGISTERS 16
#include "depthwise_body.h"

/* To be raised with every change of a signature, of a result or of the speed: what was built from other sources
   is then not used, and what was measured with it forgotten. */
EXPORT int nas_version(void) { return 1; }

/* The instruction sets that this build knows and this processor has: 1 plain, + 2 AVX2, + 4 AVX-512. */
EXPORT int nas_instruction_sets(void) {
    int sets = 1;
#ifdef X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets += 2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        sets += 4;
#endif
    return sets;
}

/* Overwrites the channels [begin, end) of dx and dw, either of which may be NULL. `set` is one of the above.
   Returns 0 when done, 1 for what is not offered, 2 for want of memory. */
EXPORT int nas_depthwise_backward(const void *x, const void *g, const float *w, void *dx, float *dw, int64_t images,
                                  int64_t channels, int64_t height, int64_t width, int64_t begin, int64_t end,
                                  int kernel, int stride, int bf16, int set) {
    if (images < 0 || height < 1 || width < 1 || begin < 0 || begin >= end || end > channels || stride < 1 || stride > 2)
        return NAS_BAD_ARGUMENT;
    const Job job = {.x = x, .g = g, .w = w, .dx = dx, .dw = dw, .images = images, .channels = channels,
                     .height = height, .width = width, .out_height = (height - 1) / stride + 1,
                     .out_width = (width - 1) / stride + 1, .begin = begin, .end = end};
    switch (set & nas_instruction_sets()) {
#ifdef X86
    case 4:
        return run_avx512(&job, kernel, stride, bf16);
    case 2:
        return run_avx2(&job, kernel, stride, bf16);
#endif
    case 1:
        return run_plain(&job, kernel, stride, bf16);
    default:
        return NAS_BAD_ARGUMENT;
    }
}

#ifdef _WIN32 /* what a linker that was told to make a Python extension looks for; nobody imports it */
EXPORT void *PyInit__depthwise(void) { return NULL; }
#endif
