// SPDX-License-Identifier: Apache-2.0
// Kernel of signed-digit weights (ConLoCNN): sum over taps and digits of sign * (integer(code) << position).
//
// A weight's word holds its digits' fields, digit 0 lowest: `code_bits[d]` bits of position code, then a sign bit. Code 0
// means that the digit is absent, code i + 1 names positions[d][i]. A tap shifts its input by all positions once for all
// outputs (wires); each lane picks one of them by its code, negates it by its sign and adds it. No multiplier.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), decode, first_code, integers (nnet_operand.h), and
//   n_digits, n_positions
//   positions[n_digits][n_positions]   shifts; words never address the padding of short rows
//   code_bits[n_digits]
//   weights[groups][n_in][n_out]       words
#ifndef NNET_KERNEL_SIGNED_DIGIT_H_
#define NNET_KERNEL_SIGNED_DIGIT_H_

#include "nnet_operand.h"
#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T> struct signed_digit_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;

    static const int n_choices = CONFIG_T::n_positions + 1;

    static_assert(CONFIG_T::n_digits >= 1 && CONFIG_T::n_positions >= 1, "a weight has at least one digit and one position");

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
    DigitReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = 0;
        }

    DigitTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        DigitOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            DigitLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    acc_t choices[CONFIG_T::n_digits][n_choices];
#pragma HLS ARRAY_PARTITION variable=choices complete dim=0
                    shift(acc_t(operand_t::of(window[tap + simd])), choices);
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                DigitProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        acc[output + pe] += pick(int(weights[output + pe]), choices);
                    }
                }
            }
        }
    }

  private:
    // What each position code of each digit stands for: nothing, or the input shifted.
    static void shift(const acc_t &factor, acc_t choices[CONFIG_T::n_digits][n_choices]) {
#pragma HLS INLINE
    DigitShifts:
        for (int digit = 0; digit < CONFIG_T::n_digits; digit++) {
#pragma HLS UNROLL
            choices[digit][0] = 0;
            for (int position = 0; position < CONFIG_T::n_positions; position++) {
#pragma HLS UNROLL
                choices[digit][position + 1] = factor << int(CONFIG_T::positions[digit][position]);
            }
        }
    }

    // The digits of one word, read from the choices and added or subtracted.
    static acc_t pick(int word, const acc_t choices[CONFIG_T::n_digits][n_choices]) {
#pragma HLS INLINE
        acc_t sum = 0;
        int field = word;
    DigitFields:
        for (int digit = 0; digit < CONFIG_T::n_digits; digit++) {
#pragma HLS UNROLL
            const int width = int(CONFIG_T::code_bits[digit]);
            const acc_t value = choices[digit][field & ((1 << width) - 1)];
            const bool negative = (field >> width) & 1;
            sum += negative ? acc_t(-value) : value;
            field >>= width + 1;
        }
        return sum;
    }
};

} // namespace nnet

#endif
