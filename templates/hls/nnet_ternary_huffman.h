// SPDX-License-Identifier: Apache-2.0
// Ternary weights by their codes (bit 0: not zero, bit 1: negative): from a memory in synthesis, decoded from a
// Huffman-coded stream in C simulation and on processors.
//
// The stream is a sequence of canonical Huffman codes, first bit highest. Each names a string of weights in output-major
// order: with `runs`, symbol 2 g + s stands for g zeros and one weight, negative where s is 1, and the last symbol for
// `string_size` zeros; otherwise a symbol is a block of `string_size` weights, its digits to base 3 (0, 1, 2 for -1, 0, 1)
// from the first weight down. The last string may reach beyond the end.
//
// CONFIG_T: n_in, n_out, groups, and
//   runs, string_size, n_symbols
//   lengths[n_symbols]             code lengths of up to 15 bits, 0 where a string does not occur
//   n_bytes, stream[n_bytes]
//   weights[groups][n_in][n_out]   codes (synthesis)
#ifndef NNET_TERNARY_HUFFMAN_H_
#define NNET_TERNARY_HUFFMAN_H_

#include "nnet_types.h"

namespace nnet {

#ifdef DIETCNN_AP_TYPES

template <class CONFIG_T> struct ternary_weights {
    static auto all() -> decltype((CONFIG_T::weights)) {
#pragma HLS INLINE
        return CONFIG_T::weights;
    }
};

#else

// Reads canonical Huffman codes from a stream.
template <class CONFIG_T> class huffman_reader {
  public:
    huffman_reader() {
        for (int symbol = 0; symbol < CONFIG_T::n_symbols; symbol++) {
            count[CONFIG_T::lengths[symbol]]++;
        }
        count[0] = 0;
        int next[longest + 1] = {0};
        for (int length = 1; length < longest; length++) {
            next[length + 1] = next[length] + count[length];
        }
        for (int symbol = 0; symbol < CONFIG_T::n_symbols; symbol++) {
            if (CONFIG_T::lengths[symbol]) {
                order[next[CONFIG_T::lengths[symbol]]++] = symbol;
            }
        }
    }

    int symbol() {
        int code = 0, first = 0, index = 0;
        for (int length = 1; length <= longest; length++) {
            code = code << 1 | bit();
            if (code - first < count[length]) {
                return order[index + code - first];
            }
            index += count[length];
            first = (first + count[length]) << 1;
        }
        return fail();
    }

  private:
    static const int longest = 15;
    int count[longest + 1] = {0};
    int order[CONFIG_T::n_symbols] = {0};
    int position = 0;

    int bit() {
        if (position >= 8 * CONFIG_T::n_bytes) {
            return fail();
        }
        const int byte = CONFIG_T::stream[position >> 3];
        return byte >> (7 - (position++ & 7)) & 1;
    }

    static int fail() {
        std::fprintf(stderr, "the compressed weights are damaged: no code fits\n");
        std::abort();
    }
};

template <class CONFIG_T> class ternary_weights {
  public:
    typedef uint8_t codes_t[CONFIG_T::groups][CONFIG_T::n_in][CONFIG_T::n_out];

    // Decoded at the first use.
    static const codes_t &all() {
        static const ternary_weights decoded;
        return decoded.codes;
    }

  private:
    codes_t codes;
    int written = 0;

    ternary_weights() {
        huffman_reader<CONFIG_T> reader;
        while (written < total) {
            const int symbol = reader.symbol();
            CONFIG_T::runs ? run(symbol) : block(symbol);
        }
    }

    static const int total = CONFIG_T::groups * CONFIG_T::n_out * CONFIG_T::n_in;

    void write(int code) {
        if (written < total) {
            const int output = written / CONFIG_T::n_in, tap = written % CONFIG_T::n_in;
            codes[output / CONFIG_T::n_out][tap][output % CONFIG_T::n_out] = uint8_t(code);
            written++;
        }
    }

    void run(int symbol) {
        for (int zeros = symbol >> 1; zeros > 0; zeros--) {
            write(0);
        }
        if (symbol >> 1 < CONFIG_T::string_size) {
            write(symbol & 1 ? 3 : 1);
        }
    }

    void block(int symbol) {
        int place = 1;
        for (int weight = 1; weight < CONFIG_T::string_size; weight++) {
            place *= 3;
        }
        for (; place > 0; place /= 3) {
            const int digit = symbol / place % 3;
            write(digit == 0 ? 3 : digit - 1);
        }
    }
};

#endif

} // namespace nnet

#endif
