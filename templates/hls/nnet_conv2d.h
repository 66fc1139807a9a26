// SPDX-License-Identifier: Apache-2.0
// 2-D convolution, grouped and depthwise included: a kernel over every window, plus bias. It knows no method: what a tap
// and a weight make of each other is CONFIG_T::kernel's business.
//
// CONFIG_T: geometry of nnet_window.h, the kernel's members (README.md), and
//   groups, parallel_groups     channel groups, and how many of them work side by side
//   bias(filter)                static function, an integer on the accumulator's grid
//   kernel                      class with accumulate(window, acc, group)
#ifndef NNET_CONV2D_H_
#define NNET_CONV2D_H_

#include "nnet_window.h"

namespace nnet {

template <class CONFIG_T> struct filter_bank {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    static_assert(CONFIG_T::n_chan % CONFIG_T::groups == 0, "groups must divide the channels");
    static_assert(CONFIG_T::n_in == geometry<CONFIG_T>::n_window / CONFIG_T::groups, "taps do not match the window");
    static_assert(CONFIG_T::n_out == CONFIG_T::n_filt / CONFIG_T::groups, "outputs do not match the filters");

    // The taps of one group, gathered from the window of all channels.
    static void select(const input_t window[geometry<CONFIG_T>::n_window], int group, input_t taps[CONFIG_T::n_in]) {
#pragma HLS INLINE
        static const int n_chan = CONFIG_T::n_chan / CONFIG_T::groups;
        int tap = 0;
    SelectPixels:
        for (int pixel = 0; pixel < geometry<CONFIG_T>::n_window; pixel += CONFIG_T::n_chan) {
#pragma HLS UNROLL
        SelectChannels:
            for (int channel = 0; channel < n_chan; channel++) {
#pragma HLS UNROLL
                taps[tap++] = window[pixel + group * n_chan + channel];
            }
        }
    }

    static void filter(const input_t taps[CONFIG_T::n_in], int group, typename CONFIG_T::output_t *result) {
#pragma HLS INLINE
        acc_t acc[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=acc complete
        CONFIG_T::kernel::accumulate(taps, acc, group);
    FilterBias:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            result[group * CONFIG_T::n_out + output] = acc[output] + CONFIG_T::bias(group * CONFIG_T::n_out + output);
        }
    }

    static void apply(const input_t window[geometry<CONFIG_T>::n_window], typename CONFIG_T::output_t result[CONFIG_T::n_filt]) {
        if (CONFIG_T::groups == 1) {
            filter(window, 0, result);
            return;
        }
    FilterGroups:
        for (int group = 0; group < CONFIG_T::groups; group++) {
#pragma HLS UNROLL factor=CONFIG_T::parallel_groups
            input_t taps[CONFIG_T::n_in];
#pragma HLS ARRAY_PARTITION variable=taps complete
            select(window, group, taps);
            filter(taps, group, result);
        }
    }
};

// io_parallel: arrays in, arrays out. io_stream: pixels in, pixels out.
template <class CONFIG_T, class DATA_T, class RES_T> void conv2d(DATA_T &data, RES_T &res) {
    slide<CONFIG_T, filter_bank<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
