// SPDX-License-Identifier: Apache-2.0
// Pooling, channel by channel. Maximum: on codes, because sorted codebooks keep their order; padding carries the lowest code
// and never wins. Sum: of decoded integers, without padding; what an average divides by is part of what follows.
//
// CONFIG_T: geometry of nnet_window.h with n_filt == n_chan; for sums also integer(code), a static function that decodes.
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

template <class CONFIG_T> struct total {
    static_assert(CONFIG_T::n_filt == CONFIG_T::n_chan, "pooling keeps the channels");

    static void add(const typename CONFIG_T::input_t *pixel, typename CONFIG_T::output_t *sums) {
#pragma HLS INLINE
    TotalChannels:
        for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
            sums[channel] += CONFIG_T::integer(pixel[channel]);
        }
    }

    static void reset(typename CONFIG_T::output_t *sums) {
#pragma HLS INLINE
    TotalReset:
        for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
            sums[channel] = 0;
        }
    }

    static void apply(const typename CONFIG_T::input_t window[geometry<CONFIG_T>::n_window],
                      typename CONFIG_T::output_t result[CONFIG_T::n_filt]) {
#pragma HLS INLINE
        reset(result);
    TotalPixels:
        for (int pixel = 0; pixel < geometry<CONFIG_T>::n_window; pixel += CONFIG_T::n_chan) {
#pragma HLS UNROLL
            add(window + pixel, result);
        }
    }
};

// Windows that do not overlap need no line buffers: one running sum for each column of the result.
template <class CONFIG_T, bool APART> struct sum_stream {
    typedef stream<beat<typename CONFIG_T::input_t, CONFIG_T::n_chan>> input;
    typedef stream<beat<typename CONFIG_T::output_t, CONFIG_T::n_filt>> output;

    static void run(input &data, output &res) {
        beat<typename CONFIG_T::output_t, CONFIG_T::n_filt> sums[CONFIG_T::out_width];
        int row = 0; // inside its window
    SumRows:
        for (int y = 0; y < CONFIG_T::in_height; y++) {
            int column = 0, window = 0;
        SumColumns:
            for (int x = 0; x < CONFIG_T::in_width; x++) {
                const beat<typename CONFIG_T::input_t, CONFIG_T::n_chan> pixel = data.read();
                if (row < CONFIG_T::kernel_height && column < CONFIG_T::kernel_width && window < CONFIG_T::out_width) {
                    if (row == 0 && column == 0) {
                        total<CONFIG_T>::reset(sums[window].data);
                    }
                    total<CONFIG_T>::add(pixel.data, sums[window].data);
                    if (row == CONFIG_T::kernel_height - 1 && column == CONFIG_T::kernel_width - 1) {
                        res.write(sums[window]);
                    }
                }
                const bool next = column == CONFIG_T::stride_width - 1;
                column = next ? 0 : column + 1;
                window = next ? window + 1 : window;
            }
            row = row == CONFIG_T::stride_height - 1 ? 0 : row + 1;
        }
    }
};

template <class CONFIG_T> struct sum_stream<CONFIG_T, false> {
    typedef stream<beat<typename CONFIG_T::input_t, CONFIG_T::n_chan>> input;
    typedef stream<beat<typename CONFIG_T::output_t, CONFIG_T::n_filt>> output;

    static void run(input &data, output &res) { slide<CONFIG_T, total<CONFIG_T>>(data, res); }
};

// io_parallel
template <class CONFIG_T>
void sum_pool2d(const typename CONFIG_T::input_t data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
                typename CONFIG_T::output_t res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt]) {
    slide<CONFIG_T, total<CONFIG_T>>(data, res);
}

// io_stream
template <class CONFIG_T>
void sum_pool2d(stream<beat<typename CONFIG_T::input_t, CONFIG_T::n_chan>> &data,
                stream<beat<typename CONFIG_T::output_t, CONFIG_T::n_filt>> &res) {
    const bool apart = CONFIG_T::stride_height >= CONFIG_T::kernel_height && CONFIG_T::stride_width >= CONFIG_T::kernel_width;
    sum_stream<CONFIG_T, apart>::run(data, res);
}

} // namespace nnet

#endif
