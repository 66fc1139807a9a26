// SPDX-License-Identifier: Apache-2.0
// Dense layer: one kernel over the whole input, plus bias. It knows no method (see nnet_conv2d.h).
//
// CONFIG_T: the kernel's members (README.md), output_t, bias(output), kernel, and for streams in_lanes, codes a beat.
#ifndef NNET_DENSE_H_
#define NNET_DENSE_H_

#include "nnet_types.h"

namespace nnet {

// io_parallel
template <class CONFIG_T>
void dense(const typename CONFIG_T::input_t data[CONFIG_T::n_in], typename CONFIG_T::output_t res[CONFIG_T::n_out]) {
    typename CONFIG_T::acc_t acc[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=acc complete
    CONFIG_T::kernel::accumulate(data, acc, 0);
DenseBias:
    for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
        res[output] = acc[output] + CONFIG_T::bias(output);
    }
}

// io_stream: collects the input beat by beat; the result leaves as one beat.
template <class CONFIG_T>
void dense(stream<beat<typename CONFIG_T::input_t, CONFIG_T::in_lanes>> &data,
           stream<beat<typename CONFIG_T::output_t, CONFIG_T::n_out>> &res) {
    static_assert(CONFIG_T::n_in % CONFIG_T::in_lanes == 0, "the input does not fill its beats");
    typename CONFIG_T::input_t codes[CONFIG_T::n_in];
#pragma HLS ARRAY_RESHAPE variable=codes cyclic factor=CONFIG_T::in_lanes
DenseCollect:
    for (int first = 0; first < CONFIG_T::n_in; first += CONFIG_T::in_lanes) {
#pragma HLS PIPELINE II=1
        const beat<typename CONFIG_T::input_t, CONFIG_T::in_lanes> part = data.read();
    DenseLanes:
        for (int lane = 0; lane < CONFIG_T::in_lanes; lane++) {
            codes[first + lane] = part[lane];
        }
    }
    beat<typename CONFIG_T::output_t, CONFIG_T::n_out> result;
    dense<CONFIG_T>(codes, result.data);
    res.write(result);
}

} // namespace nnet

#endif
