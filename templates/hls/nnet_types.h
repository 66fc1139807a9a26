// SPDX-License-Identifier: Apache-2.0
// Integers, beats and streams of the generated designs, in two spellings that compute the same codes.
//
// C simulation uses the processor's integers, which makes it fast; synthesis (or -DDIETCNN_AP_TYPES) uses ap_int and
// hls::stream of exactly the stated widths. The loops differ in one point only, `fold`: hardware walks PE x SIMD lanes,
// native code walks one tap over all outputs, the order that compilers vectorise.
#ifndef NNET_TYPES_H_
#define NNET_TYPES_H_

#if defined(__SYNTHESIS__) && !defined(DIETCNN_AP_TYPES)
#define DIETCNN_AP_TYPES
#endif

#ifdef DIETCNN_AP_TYPES
#include "ap_int.h"
#include "hls_stream.h"
#else
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#endif

// Buffers between layers: wires, registers or memories in hardware; one copy a thread in C simulation, off the stack.
#ifdef DIETCNN_AP_TYPES
#define DIETCNN_BUFFER
#else
#define DIETCNN_BUFFER static thread_local
#endif

namespace nnet {

#ifdef DIETCNN_AP_TYPES

template <int BITS, bool SIGNED> struct integer_of {
    typedef ap_uint<BITS> type;
};
template <int BITS> struct integer_of<BITS, true> {
    typedef ap_int<BITS> type;
};

#else

template <int BYTES, bool SIGNED> struct native_integer;
template <> struct native_integer<1, false> { typedef uint8_t type; };
template <> struct native_integer<2, false> { typedef uint16_t type; };
template <> struct native_integer<4, false> { typedef uint32_t type; };
template <> struct native_integer<8, false> { typedef uint64_t type; };
template <> struct native_integer<1, true> { typedef int8_t type; };
template <> struct native_integer<2, true> { typedef int16_t type; };
template <> struct native_integer<4, true> { typedef int32_t type; };
template <> struct native_integer<8, true> { typedef int64_t type; };

template <int BITS, bool SIGNED> struct integer_of {
    static_assert(BITS >= 1 && BITS <= 64, "codes and sums are integers of 1 to 64 bits");
    typedef typename native_integer<(BITS <= 8 ? 1 : BITS <= 16 ? 2 : BITS <= 32 ? 4 : 8), SIGNED>::type type;
};

#endif

// An integer that holds BITS bits.
template <int BITS, bool SIGNED> using integer = typename integer_of<BITS, SIGNED>::type;

// The codes that travel together: all channels of a pixel, or a part of a flat vector.
template <class T, int N> struct beat {
    typedef T value_type;
    static const int size = N;
    T data[N];

    T &operator[](int lane) { return data[lane]; }
    const T &operator[](int lane) const { return data[lane]; }
};

#ifdef DIETCNN_AP_TYPES

template <class T> using stream = hls::stream<T>;

#else

// First-in first-out queue with hls::stream's read and write. Layers run one after the other in C simulation, so a queue
// fills up, drains completely, and starts again at the front of its memory.
template <class T> class stream {
  public:
    void write(const T &value) { items.push_back(value); }

    T read() {
        if (first == items.size()) {
            std::fprintf(stderr, "C simulation read an empty stream: producer and consumer disagree on the shape\n");
            std::abort();
        }
        T value = items[first];
        if (++first == items.size()) {
            items.clear();
            first = 0;
        }
        return value;
    }

    bool empty() const { return items.empty(); }

  private:
    std::vector<T> items;
    std::size_t first = 0;
};

#endif

// Lanes of one beat of a linear layer: `pe` outputs x `simd` taps.
template <class CONFIG_T> struct fold {
    static_assert(CONFIG_T::n_out % CONFIG_T::pe == 0, "PE must divide the outputs (of a group)");
    static_assert(CONFIG_T::n_in % CONFIG_T::simd == 0, "SIMD must divide the taps");
#ifdef DIETCNN_AP_TYPES
    static const int pe = CONFIG_T::pe;
    static const int simd = CONFIG_T::simd;
#else
    static const int pe = CONFIG_T::n_out;
    static const int simd = 1;
#endif
};

} // namespace nnet

#endif
