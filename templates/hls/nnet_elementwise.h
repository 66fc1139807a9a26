// SPDX-License-Identifier: Apache-2.0
// Runs an operation on every code of an array or stream, a vector of lanes at a time.
//
// CONFIG_T: n_elem codes in vectors of `lanes`, `parallel` of which (a divisor) are worked on in one cycle; n_params is 1
// or the number of channels that have parameters of their own; input_t, output_t.
// OPERATION: struct with `static output_t code(input_t x, int param)`, the result of one code whose channel is `param`.
#ifndef NNET_ELEMENTWISE_H_
#define NNET_ELEMENTWISE_H_

#include "nnet_types.h"

namespace nnet {

// One vector; its first code belongs to channel `channel`.
template <class CONFIG_T, class OPERATION>
void map_lanes(const typename CONFIG_T::input_t x[CONFIG_T::lanes], typename CONFIG_T::output_t y[CONFIG_T::lanes], int channel) {
    static_assert(CONFIG_T::lanes % CONFIG_T::parallel == 0, "the parallel lanes must divide the vector");
MapLanes:
    for (int lane = 0; lane < CONFIG_T::lanes; lane++) {
#pragma HLS UNROLL factor=CONFIG_T::parallel
#pragma HLS PIPELINE II=1
        y[lane] = OPERATION::code(x[lane], CONFIG_T::n_params == 1 ? 0 : channel + lane);
    }
}

// The channel of the vector after the one that starts at `channel`.
template <class CONFIG_T> int next_channel(int channel) {
#pragma HLS INLINE
    return channel + CONFIG_T::lanes >= CONFIG_T::n_params ? 0 : channel + CONFIG_T::lanes;
}

// io_parallel
template <class CONFIG_T, class OPERATION>
void elementwise(const typename CONFIG_T::input_t data[CONFIG_T::n_elem], typename CONFIG_T::output_t res[CONFIG_T::n_elem]) {
    int channel = 0;
MapArray:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::lanes) {
        map_lanes<CONFIG_T, OPERATION>(data + first, res + first, channel);
        channel = next_channel<CONFIG_T>(channel);
    }
}

// io_stream
template <class CONFIG_T, class OPERATION>
void elementwise(stream<beat<typename CONFIG_T::input_t, CONFIG_T::lanes>> &data,
                 stream<beat<typename CONFIG_T::output_t, CONFIG_T::lanes>> &res) {
    int channel = 0;
MapStream:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::lanes) {
        const beat<typename CONFIG_T::input_t, CONFIG_T::lanes> x = data.read();
        beat<typename CONFIG_T::output_t, CONFIG_T::lanes> y;
        map_lanes<CONFIG_T, OPERATION>(x.data, y.data, channel);
        res.write(y);
        channel = next_channel<CONFIG_T>(channel);
    }
}

} // namespace nnet

#endif
