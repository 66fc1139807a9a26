// SPDX-License-Identifier: Apache-2.0
// Maximum over windows, channel by channel, on codes: sorted codebooks keep their order. Padding carries the lowest code
// and never wins.
//
// CONFIG_T: geometry of nnet_window.h with n_filt == n_chan.
#ifndef NNET_POOL2D_H_
#define NNET_POOL2D_H_

#include "nnet_window.h"

namespace nnet {

template <class CONFIG_T> struct maximum {
    static_assert(CONFIG_T::n_filt == CONFIG_T::n_chan, "pooling keeps the channels");

    static void apply(const typename CONFIG_T::input_t window[geometry<CONFIG_T>::n_window],
                      typename CONFIG_T::output_t result[CONFIG_T::n_filt]) {
#pragma HLS INLINE
    MaximumFirst:
        for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
            result[channel] = window[channel];
        }
    MaximumPixels:
        for (int pixel = CONFIG_T::n_chan; pixel < geometry<CONFIG_T>::n_window; pixel += CONFIG_T::n_chan) {
#pragma HLS UNROLL
        MaximumChannels:
            for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
                const typename CONFIG_T::input_t code = window[pixel + channel];
                result[channel] = code > result[channel] ? code : result[channel];
            }
        }
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void max_pool2d(DATA_T &data, RES_T &res) {
    slide<CONFIG_T, maximum<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
