// SPDX-License-Identifier: Apache-2.0
// Encoder: code = number of thresholds not above x, or its mirror image in channels where batch-norm turned the sign.
// Bias, batch-norm and ReLU are already inside the thresholds.
//
// CONFIG_T: members of nnet_elementwise.h, n_levels, has_flip, and
//   thresholds[n_levels - 1][n_params]   integers on the grid of x
//   flip[n_params]                       one bit a channel (only with has_flip)
#ifndef NNET_ENCODE_H_
#define NNET_ENCODE_H_

#include "nnet_elementwise.h"

namespace nnet {

template <class CONFIG_T, bool HAS_FLIP> struct mirror {
    static typename CONFIG_T::output_t of(int count, int) { return count; }
};

template <class CONFIG_T> struct mirror<CONFIG_T, true> {
    static typename CONFIG_T::output_t of(int count, int channel) {
        return CONFIG_T::flip[channel] ? CONFIG_T::n_levels - 1 - count : count;
    }
};

template <class CONFIG_T> struct encoder {
    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t x, int channel) {
#pragma HLS INLINE
        int count = 0;
    EncodeThresholds:
        for (int level = 0; level < CONFIG_T::n_levels - 1; level++) {
#pragma HLS UNROLL
            count += x >= CONFIG_T::thresholds[level][channel] ? 1 : 0;
        }
        return mirror<CONFIG_T, CONFIG_T::has_flip>::of(count, channel);
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void encode(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, encoder<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
