// SPDX-License-Identifier: Apache-2.0
// Uniform re-quantisation: round(x / 2^shift), clipped to lowest..highest or, where `wraps`, taken modulo their number.
//
// CONFIG_T: members of nnet_elementwise.h (n_params 1), wide_t (holds x, shifted left where shift < 0, plus an output step),
// shift, rounding (a nnet::rounding_mode), lowest, highest, wraps.
#ifndef NNET_REQUANTIZE_H_
#define NNET_REQUANTIZE_H_

#include "nnet_elementwise.h"

namespace nnet {

enum rounding_mode { round_floor, toward_zero, half_up, half_down, half_to_zero, half_from_zero, half_even };

template <class CONFIG_T> struct requantizer {
    typedef typename CONFIG_T::wide_t wide_t;
    static const int right = CONFIG_T::shift > 0 ? CONFIG_T::shift : 0;
    static const int left = CONFIG_T::shift < 0 ? -CONFIG_T::shift : 0;

    // What to add before the shift drops the low bits.
    static wide_t increment(wide_t x) {
        if (right == 0 || CONFIG_T::rounding == round_floor) {
            return 0;
        }
        const wide_t half = wide_t(1) << (right > 0 ? right - 1 : 0);
        const wide_t odd = (x >> right) & 1, negative = x < 0;
        switch (CONFIG_T::rounding) {
        case toward_zero:
            return negative ? wide_t(half - 1 + half) : wide_t(0);
        case half_up:
            return half;
        case half_down:
            return half - 1;
        case half_to_zero:
            return half - 1 + negative;
        case half_from_zero:
            return half - negative;
        default:
            return half - 1 + odd;
        }
    }

    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t input, int) {
#pragma HLS INLINE
        const wide_t x = wide_t(input) << left;
        const wide_t sum = x + increment(x);
        const wide_t rounded = sum >> right;
        const wide_t lowest = CONFIG_T::lowest, highest = CONFIG_T::highest;
        if (CONFIG_T::wraps) {
            return typename CONFIG_T::output_t(wide_t((rounded - lowest) & (highest - lowest)) + lowest);
        }
        const wide_t raised = rounded < lowest ? lowest : rounded;
        return typename CONFIG_T::output_t(raised > highest ? highest : raised);
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void requantize(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, requantizer<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
