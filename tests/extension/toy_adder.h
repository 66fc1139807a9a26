// SPDX-License-Identifier: Apache-2.0
// Kernel of AdderNet (Chen et al., CVPR 2020) without its sign: sum over taps of |code - weight|.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (templates/hls/README.md), and weights[groups][n_in][n_out].
#ifndef TOY_ADDER_H_
#define TOY_ADDER_H_

#include "nnet_types.h"
#include "toy_gap.h"

namespace nnet {

template <class CONFIG_T> struct toy_adder {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
    AdderOutputs:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS PIPELINE II=1
            acc_t sum = 0;
        AdderTaps:
            for (int tap = 0; tap < CONFIG_T::n_in; tap++) {
                sum += gap<integer<24, true>>(window[tap], CONFIG_T::weights[group][tap][output]);
            }
            acc[output] = sum;
        }
    }
};

} // namespace nnet

#endif
