// SPDX-License-Identifier: Apache-2.0
// Kernel of fixed-point arithmetic whose accumulator is coarser than the products: sum over taps of each product, rounded.
//
//   acc = sum of round(integer(code) * weight / 2^drop)
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   weights[groups][n_in][n_out] signed integers
//   decode, integers[n_integers], first_code  as in nnet_kernel_multiply.h
//   drop, rounding                  bits that a product loses, and how (a nnet::rounding_mode)
//   product_bits                    width of a product, what rounding adds included
#ifndef NNET_KERNEL_ROUNDED_H_
#define NNET_KERNEL_ROUNDED_H_

#include "nnet_operand.h"
#include "nnet_requantize.h"
#include "nnet_types.h"

namespace nnet {

// What `requantizer` asks of a product.
template <class CONFIG_T> struct rounded_product {
    typedef integer<CONFIG_T::product_bits, true> wide_t, input_t, output_t;
    static const int shift = CONFIG_T::drop;
    static const int rounding = CONFIG_T::rounding;
};

template <class CONFIG_T> struct rounded_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;
    typedef integer<CONFIG_T::product_bits, true> product_t;

    static acc_t rounded(product_t product) {
#pragma HLS INLINE
        const product_t increment = requantizer<rounded_product<CONFIG_T>>::increment(product);
        return acc_t(product_t(product + increment) >> CONFIG_T::drop);
    }

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
    RoundedReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = 0;
        }

    RoundedTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        RoundedOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            RoundedLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const product_t factor = operand_t::of(window[tap + simd]);
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                RoundedProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        acc[output + pe] += rounded(product_t(factor * weights[output + pe]));
                    }
                }
            }
        }
    }
};

} // namespace nnet

#endif
