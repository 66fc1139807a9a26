// SPDX-License-Identifier: Apache-2.0
// Kernel of ternary weights (DeepChip): (positive * P - negative * N) << shift, with P the sum of the inputs whose weight is
// positive and N of those whose weight is negative.
//
// Two accumulations; the scales come once per output and are shift-adds of compile-time constants. No multiplier. In designs
// that unroll all lanes a zero weight costs nothing, because its adder has a constant zero operand.
//
// C simulation decodes the weights from their Huffman-coded stream, so that every simulation also proves stream and decoder;
// synthesis reads them from a memory of two-bit codes.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), decode, first_code, integers (nnet_operand.h), and
//   positive, negative                 scales, integers > 0
//   sum_bits, sum_signed               type of P and N
//   shifts[groups * n_out]             left shift of each output
//   weights[groups][n_in][n_out]       bit 0: not zero, bit 1: negative
//   and those of nnet_ternary_huffman.h
#ifndef NNET_KERNEL_TERNARY_H_
#define NNET_KERNEL_TERNARY_H_

#include "nnet_operand.h"
#include "nnet_ternary_huffman.h"
#include "nnet_types.h"

namespace nnet {

// x * SCALE by Horner's rule over canonical signed digits: the fewest adders that a single constant needs.
template <int SCALE> struct constant_scaling {
    static_assert(SCALE > 0, "scales are positive");
    static const int digit = SCALE % 2 == 0 ? 0 : SCALE % 4 == 1 ? 1 : -1;

    template <class T> static T of(const T &x) {
        const T rest = constant_scaling<(SCALE - digit) / 2>::of(x) << 1;
        return digit == 0 ? rest : digit > 0 ? T(rest + x) : T(rest - x);
    }
};

template <> struct constant_scaling<1> {
    template <class T> static T of(const T &x) { return x; }
};

template <class CONFIG_T> struct ternary_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;
    typedef integer<CONFIG_T::sum_bits, CONFIG_T::sum_signed> sum_t;

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        sum_t plus[CONFIG_T::n_out], minus[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=plus complete
#pragma HLS ARRAY_PARTITION variable=minus complete
    TernaryReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            plus[output] = 0;
            minus[output] = 0;
        }

    TernaryTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        TernaryOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            TernaryLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const sum_t value = sum_t(operand_t::of(window[tap + simd]));
                    const auto &weights = ternary_weights<CONFIG_T>::all()[group][tap + simd];
                TernarySums:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        const int code = int(weights[output + pe]);
                        plus[output + pe] += code == 1 ? value : sum_t(0);
                        minus[output + pe] += code == 3 ? value : sum_t(0);
                    }
                }
            }
        }

    TernaryScale:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL factor=fold<CONFIG_T>::pe
            const acc_t scaled = constant_scaling<CONFIG_T::positive>::of(acc_t(plus[output])) -
                                 constant_scaling<CONFIG_T::negative>::of(acc_t(minus[output]));
            acc[output] = scaled << int(CONFIG_T::shifts[group * CONFIG_T::n_out + output]);
        }
    }
};

} // namespace nnet

#endif
