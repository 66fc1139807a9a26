// SPDX-License-Identifier: Apache-2.0
// Kernel of the fixed-point baseline: sum over taps of integer(code) * weight. This one does multiply.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   weights[groups][n_in][n_out] signed integers
//   decode                          whether codes are symbols, read from
//   integers[n_integers]            their grid integers, the first for code `first_code` (only with decode)
#ifndef NNET_KERNEL_MULTIPLY_H_
#define NNET_KERNEL_MULTIPLY_H_

#include "nnet_operand.h"
#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T> struct multiply_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;

    // Native products are taken at the accumulator's width, where wrapping is harmless; ap types widen by themselves.
#ifdef DIETCNN_AP_TYPES
    typedef typename operand_t::type factor_t;
#else
    typedef acc_t factor_t;
#endif

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
    MultiplyReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = 0;
        }

    MultiplyTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        MultiplyOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            MultiplyLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const factor_t factor = operand_t::of(window[tap + simd]);
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                MultiplyProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        acc[output + pe] += factor * weights[output + pe];
                    }
                }
            }
        }
    }
};

} // namespace nnet

#endif
