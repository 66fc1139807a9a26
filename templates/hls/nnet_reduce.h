// SPDX-License-Identifier: Apache-2.0
// One value a pixel from all its channels: their sum, their greatest, or the number of the first greatest.
//
// CONFIG_T: n_elem codes, n_chan a pixel, in vectors of `lanes`; function (nnet::reduce_sum, nnet::reduce_maximum or
// nnet::reduce_argmax); input_t, wide_t (holds every partial result), output_t.
#ifndef NNET_REDUCE_H_
#define NNET_REDUCE_H_

#include "nnet_types.h"

namespace nnet {

enum reduction { reduce_sum, reduce_maximum, reduce_argmax };

// What is known of a pixel so far.
template <class CONFIG_T> struct reducer {
    typename CONFIG_T::wide_t value;
    int best;

    void take(typename CONFIG_T::input_t code, int channel) {
#pragma HLS INLINE
        const typename CONFIG_T::wide_t x = code;
        if (channel == 0) {
            value = x;
            best = 0;
        } else if (CONFIG_T::function == reduce_sum) {
            value += x;
        } else if (x > value) {
            value = x;
            best = channel;
        }
    }

    typename CONFIG_T::output_t result() const {
#pragma HLS INLINE
        return CONFIG_T::function == reduce_argmax ? typename CONFIG_T::output_t(best) : typename CONFIG_T::output_t(value);
    }
};

// io_parallel
template <class CONFIG_T>
void reduce(const typename CONFIG_T::input_t data[CONFIG_T::n_elem],
            typename CONFIG_T::output_t res[CONFIG_T::n_elem / CONFIG_T::n_chan]) {
ReducePixels:
    for (int pixel = 0; pixel < CONFIG_T::n_elem / CONFIG_T::n_chan; pixel++) {
        reducer<CONFIG_T> state;
    ReduceChannels:
        for (int channel = 0; channel < CONFIG_T::n_chan; channel++) {
#pragma HLS UNROLL
            state.take(data[pixel * CONFIG_T::n_chan + channel], channel);
        }
        res[pixel] = state.result();
    }
}

// io_stream
template <class CONFIG_T>
void reduce(stream<beat<typename CONFIG_T::input_t, CONFIG_T::lanes>> &data,
            stream<beat<typename CONFIG_T::output_t, 1>> &res) {
ReduceStreamPixels:
    for (int pixel = 0; pixel < CONFIG_T::n_elem / CONFIG_T::n_chan; pixel++) {
        reducer<CONFIG_T> state;
    ReduceStreamBeats:
        for (int channel = 0; channel < CONFIG_T::n_chan; channel += CONFIG_T::lanes) {
#pragma HLS PIPELINE II=1
            const beat<typename CONFIG_T::input_t, CONFIG_T::lanes> x = data.read();
        ReduceStreamLanes:
            for (int lane = 0; lane < CONFIG_T::lanes; lane++) {
#pragma HLS UNROLL
                state.take(x[lane], channel + lane);
            }
        }
        beat<typename CONFIG_T::output_t, 1> result;
        result[0] = state.result();
        res.write(result);
    }
}

} // namespace nnet

#endif
